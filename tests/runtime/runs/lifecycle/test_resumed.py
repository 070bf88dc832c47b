"""What a run that goes on may change, and runs that were ended before they had anything to go on from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose, load
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from support.compared import assert_equal_runs, final_tensors, rows

SMOKE = ["experiment=smoke", "stop.env_steps=1500"]


def train(run_dir: Path, *words: str) -> int:
    return main(["train", *SMOKE, f"run_dir={run_dir}", *words])


def test_a_run_goes_on_with_other_threads_bit_for_bit_and_another_device_is_warned_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert train(run, "strategy=rs_pps", "checkpoint.keep=100", "runtime.threads=1") == 0
    before, tensors = rows(run), final_tensors(run)
    older = f"resume={run / 'checkpoints' / 'round-000001'}"
    changes = [["runtime.threads=2", "runtime.world_threads=2"]]
    if not torch.cuda.is_available():
        changes.append(["runtime.device=auto"])  # the same device, by another name
    for words in changes:
        capfd.readouterr()
        assert main(["train", older, *words]) == 0
        warned = "warning: runtime.device was cpu and is auto from here on" in capfd.readouterr().err
        assert warned is (words == ["runtime.device=auto"])
        assert rows(run) == before
        assert all(torch.equal(value, tensors[name]) for name, value in final_tensors(run).items())
        assert load(run).runtime.threads == 2


@pytest.mark.parametrize(
    "algorithm",
    [["algorithm=ippo"], ["algorithm=ippo", "algorithm.reward=individual"], ["algorithm=mappo"]],
    ids="-".join,
)
def test_a_policy_resumed_between_two_epochs_of_a_batch_equals_one_undisturbed(
    tmp_path: Path, algorithm: list[str]
) -> None:
    words = [*algorithm, "algorithm.parallel_episodes=4", "strategy.aggregation_interval=7"]
    assert train(tmp_path / "whole", *words, "stop.rounds=2") == 0
    assert train(tmp_path / "resumed", *words, "stop.rounds=1") == 0
    assert main(["train", f"resume={tmp_path / 'resumed'}", "stop.rounds=2"]) == 0
    assert_equal_runs(tmp_path / "whole", tmp_path / "resumed")
    private = list((tmp_path / "resumed" / "checkpoints" / "episodes").glob("private-*.safetensors"))
    assert private
    assert all("log_prob" in safetensors.torch.load_file(file) for file in private)


@pytest.mark.parametrize("algorithm", ["qplex", "qtran"])
def test_a_factorised_run_resumed_equals_one_undisturbed(tmp_path: Path, algorithm: str) -> None:
    words = [f"algorithm={algorithm}"]
    assert train(tmp_path / "whole", *words, "stop.rounds=2") == 0
    assert train(tmp_path / "resumed", *words, "stop.rounds=1") == 0
    assert main(["train", f"resume={tmp_path / 'resumed'}", "stop.rounds=2"]) == 0
    assert_equal_runs(tmp_path / "whole", tmp_path / "resumed")


def test_q_learning_from_individual_rewards_resumed_equals_one_undisturbed(tmp_path: Path) -> None:
    words = ["algorithm=iql", "algorithm.reward=individual", "strategy=rs_pps"]
    assert train(tmp_path / "whole", *words, "stop.rounds=4") == 0
    assert train(tmp_path / "resumed", *words, "stop.rounds=2") == 0
    assert main(["train", f"resume={tmp_path / 'resumed'}", "stop.rounds=4"]) == 0
    assert_equal_runs(tmp_path / "whole", tmp_path / "resumed")
    assert load(tmp_path / "resumed").algorithm.reward == "individual"
    assert "loss" not in rows(tmp_path / "whole")[-1]


@pytest.mark.parametrize("reward", ["team", "individual"])
def test_the_reward_cannot_change_in_a_resumed_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], reward: str
) -> None:
    other = {"team": "individual", "individual": "team"}[reward]
    run = tmp_path / "run"
    assert train(run, "algorithm=iql", f"algorithm.reward={reward}", "stop.rounds=2") == 0
    before = (run / "metrics.jsonl").read_bytes()
    assert main(["train", f"resume={run}", f"algorithm.reward={other}"]) == 2
    assert "a resumed run keeps its own settings" in capfd.readouterr().err
    config = run / "config.yaml"
    config.write_text(config.read_text().replace(f"reward: {reward}", f"reward: {other}", 1))
    assert main(["train", f"resume={run}", "stop.rounds=3"]) == 2
    assert "cannot be used" in (said := capfd.readouterr().err) or "does not fit" in said
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("left", ["folder", "logger"])
def test_a_run_that_was_ended_before_its_first_checkpoint_is_begun_by_resume(tmp_path: Path, left: str) -> None:
    assert train(tmp_path / "whole") == 0
    ended = tmp_path / "ended"
    words = [*SMOKE, f"run_dir={ended}"]
    RunFolder.create(ended, compose(words), ["fedqmix", "train", *words]).close()
    if left == "logger":
        (ended / "metrics.jsonl").touch()
        (ended / "checkpoints" / ".tmp-round-000000").mkdir()
    assert main(["train", f"resume={ended}"]) == 0
    assert_equal_runs(tmp_path / "whole", ended)


def test_a_run_whose_checkpoints_are_gone_is_not_begun_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert train(run) == 0
    before = (run / "metrics.jsonl").read_bytes()
    shutil.rmtree(run / "checkpoints")
    assert main(["train", f"resume={run}", "stop.env_steps=3000"]) == 2
    assert "neither a run folder with checkpoints" in capfd.readouterr().err
    assert (run / "metrics.jsonl").read_bytes() == before


def test_what_was_left_while_a_folder_was_made_is_no_hindrance(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("mine: true\n")
    assert train(run) == 2  # somebody else's
    (run / ".lock").touch()
    (run / ".tmp-run.json").touch()
    assert train(run) == 0
