"""`fedqmix train` as a user runs it: what it leaves behind, and what survives interruption."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest
import torch

from fedqmix.runtime.cli.main import main
from support.compared import assert_equal_runs, final_tensors, rows

SMOKE = ["experiment=smoke", "stop.env_steps=1500"]


def train(run_dir: Path, *words: str) -> int:
    return main(["train", *SMOKE, f"run_dir={run_dir}", *words])


def start(run_dir: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fedqmix", "train", *SMOKE, f"run_dir={run_dir}", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_round(run_dir: Path, number: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not (run_dir / "checkpoints" / f"round-{number:06d}").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_run_leaves_a_whole_run_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run) == 0
    keys = {"env_step", "episode", "round", "train_step", "elapsed_s", "test_battle_won_mean", "test_return_mean"}
    keys |= {"battle_won_mean", "return_mean", "ep_length_mean"}
    keys |= {"test_ep_length_mean", "loss", "grad_norm", "epsilon", "fed/bytes_up", "fed/bytes_down"}
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines
    assert keys | {"fed/weight_0", "fed/weight_1", "fed/weight_2"} <= lines[-1].keys()
    assert lines[-1]["env_step"] >= 1500
    summary = json.loads((run / "summary.json").read_text())
    assert summary["outcome"] == "finished"
    assert summary["final"] == lines[-1]
    assert (run / "config.yaml").exists()
    assert "skirmish" in json.loads((run / "marl_eval.json").read_text())
    assert (run / "checkpoints" / "best" / "agents.safetensors").exists()


PAIRS = [  # in `make test`: every strategy with one algorithm, and every algorithm with one strategy
    pytest.param(*pair, marks=[] if {"rs_pps", "qmix"} & set(pair) else pytest.mark.slow)
    for pair in product(("none", "a_pps", "rs_pps", "pp_pps", "full_sharing"), ("iql", "vdn", "qmix"))
]


@pytest.mark.parametrize(("strategy", "algorithm"), PAIRS)
def test_every_strategy_runs_with_every_algorithm(tmp_path: Path, strategy: str, algorithm: str) -> None:
    run = tmp_path / "run"
    assert train(run, f"strategy={strategy}", f"algorithm={algorithm}", "stop.env_steps=600") == 0
    assert rows(run)[-1]["train_step"] > 0
    weights = [value for key, value in rows(run)[-1].items() if key.startswith("fed/weight_")]
    assert weights == [] if strategy == "none" else sum(weights) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("strategy", ["a_pps", "full_sharing"])
def test_shared_networks_are_equal_after_every_round(tmp_path: Path, strategy: str) -> None:
    run = tmp_path / "run"
    assert train(run, f"strategy={strategy}", "checkpoint.every_rounds=1") == 0
    tensors = final_tensors(run)
    for name in ("fc.weight", "gru.weight_hh", "head.weight"):
        online = tensors[f"agents/online.{name}"]
        aggregate = tensors[f"aggregate/{name}"]
        # the run ends with an evaluation, for which all agents loaded the aggregate
        assert all(torch.equal(one, aggregate) for one in online)


def test_only_the_head_is_shared_by_pp_pps(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run, "strategy=pp_pps") == 0
    tensors = final_tensors(run)
    assert {name for name in tensors if name.startswith("aggregate/")} == {
        "aggregate/head.weight",
        "aggregate/head.bias",
    }
    body = tensors["agents/online.gru.weight_hh"]
    assert not torch.equal(body[0], body[1])


def test_same_seed_same_run_bit_for_bit_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 1), ("other", 2)):
        assert train(tmp_path / name, f"seed={seed}", "strategy=rs_pps") == 0
    assert_equal_runs(tmp_path / "one", tmp_path / "two")
    assert rows(tmp_path / "one") != rows(tmp_path / "other")


def test_world_threads_change_nothing(tmp_path: Path) -> None:
    assert train(tmp_path / "one") == 0
    assert train(tmp_path / "two", "runtime.world_threads=2") == 0
    assert_equal_runs(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("algorithm", ["iql", "vdn", "qmix"])
def test_the_learners_threads_change_nothing(tmp_path: Path, algorithm: str) -> None:
    words = [f"algorithm={algorithm}", "strategy=rs_pps", "algorithm.batch_size=32", "model.hidden=64"]
    assert train(tmp_path / "one", *words, "runtime.threads=1") == 0
    assert train(tmp_path / "two", *words, "runtime.threads=2") == 0
    assert rows(tmp_path / "one")[-1]["train_step"] > 0
    assert_equal_runs(tmp_path / "one", tmp_path / "two")


def test_killed_and_resumed_equals_undisturbed(tmp_path: Path) -> None:
    words = ["strategy=rs_pps", "strategy.reward=policy", "checkpoint.every_rounds=2", "stop.env_steps=12000"]
    assert train(tmp_path / "whole", *words) == 0
    killed = tmp_path / "killed"
    process = start(killed, *words)
    wait_for_round(killed, 2, process)
    process.kill()
    process.communicate()
    assert main(["train", f"resume={killed}"]) == 0
    assert_equal_runs(tmp_path / "whole", killed)
    assert json.loads((killed / "summary.json").read_text())["outcome"] == "finished"


@pytest.mark.slow
def test_ctrl_c_says_how_to_resume_and_resuming_works(tmp_path: Path) -> None:
    assert train(tmp_path / "whole", "stop.env_steps=6000") == 0
    stopped = tmp_path / "stopped"
    process = start(stopped, "stop.env_steps=6000")
    wait_for_round(stopped, 1, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"train resume={stopped}" in errors
    assert "Traceback" not in errors
    assert json.loads((stopped / "summary.json").read_text())["outcome"] == "interrupted"
    assert main(["train", f"resume={stopped}"]) == 0
    assert_equal_runs(tmp_path / "whole", stopped)


@pytest.mark.slow
def test_sigterm_ends_a_run_as_ctrl_c_does(tmp_path: Path) -> None:
    process = start(tmp_path / "run", "stop.env_steps=6000")
    wait_for_round(tmp_path / "run", 1, process)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"train resume={tmp_path / 'run'}" in errors
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["outcome"] == "interrupted"


def test_a_finished_run_goes_on_when_asked_for_more_steps(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run) == 0
    before = rows(run)
    assert main(["train", f"resume={run}"]) == 0
    assert rows(run) == before
    assert main(["train", f"resume={run}", "stop.env_steps=2500"]) == 0
    assert rows(run)[: len(before)] == before
    assert rows(run)[-1]["env_step"] >= 2500


@pytest.mark.slow
def test_resuming_an_older_checkpoint_takes_the_same_way_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run, "checkpoint.keep=3", "stop.env_steps=3000") == 0
    before, tensors = rows(run), final_tensors(run)
    older = sorted((run / "checkpoints").glob("round-*"))[-3]
    assert main(["train", f"resume={older}"]) == 0
    assert rows(run) == before
    assert all(torch.equal(value, tensors[name]) for name, value in final_tensors(run).items())


def test_a_run_resumed_from_before_its_first_round_shares_what_it_should(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run, "checkpoint.keep=100", "stop.env_steps=1000") == 0
    before, tensors = rows(run), final_tensors(run)
    assert before[-1]["fed/bytes_up"] > 0
    assert main(["train", f"resume={run / 'checkpoints' / 'round-000000'}"]) == 0
    assert rows(run) == before
    assert all(torch.equal(value, tensors[name]) for name, value in final_tensors(run).items())


def test_a_diverging_run_stops_with_place_and_step_and_keeps_its_checkpoint(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    # Rewards so large that the square of a TD error is no float32 any more.
    assert train(run, "env.reward_scale_rate=1e30", "stop.env_steps=100000") == 1
    message = capfd.readouterr().err
    assert "is not finite at" in message
    assert "training step" in message
    assert "Traceback" not in message
    from fedqmix.runtime.storage.checkpoint import CheckpointStore

    checkpoint = CheckpointStore.load(CheckpointStore.locate(run))
    assert all(torch.isfinite(value).all() for value in checkpoint.tensors["agents"].values())


@pytest.mark.slow
def test_full_disk_while_saving_keeps_the_earlier_checkpoint(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run) == 0
    whole = max((run / "checkpoints").glob("round-*"))
    before = {f.name: f.read_bytes() for f in whole.iterdir()}
    limit = max(len(data) for data in before.values()) // 2
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        f"from fedqmix.runtime.cli.main import main; sys.exit(main(['train', 'resume={run}', 'stop.env_steps=3000']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert {f.name: f.read_bytes() for f in whole.iterdir()} == before
    assert main(["train", f"resume={run}", "stop.env_steps=3000"]) == 0


@pytest.mark.parametrize("damage", ["flip", "truncate"])
def test_a_damaged_checkpoint_is_refused_by_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    run = tmp_path / "run"
    assert train(run, "checkpoint.keep=2") == 0
    newest = max((run / "checkpoints").glob("round-*"))
    file = newest / "agents.safetensors"
    data = bytearray(file.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    file.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    capfd.readouterr()
    assert main(["train", f"resume={run}", "stop.env_steps=3000"]) == 2
    message = capfd.readouterr().err.replace("\n", " ")
    assert "agents.safetensors" in message
    assert "Traceback" not in message
    advised = re.search(r"fedqmix (train resume=\S+)", message)
    assert advised is not None, message
    assert main([*advised[1].rstrip(".").split(), "stop.env_steps=3000"]) == 0
    assert rows(run)[-1]["env_step"] >= 3000


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["map=3M"], "did you mean '3m'"),
        (["map=nowhere"], "10m_vs_11m"),
        (["strategy=fedavgg"], "a_pps"),
        (["logger=foo"], "tensorboard"),
        (["algorithm.batch_size=0"], "algorithm.batch_size=0"),
        (["algorithm.batch_size=-3"], "algorithm.batch_size=-3"),
        (["algorithm.batch_size=9999"], "algorithm.buffer_size"),
        (["batchsize=3"], "algorithm.batch_size"),
        (["runtime.device=cuda"], "runtime.device=cpu"),
        (["resume=/nowhere/at/all"], "/nowhere/at/all"),
        (["map"], "map=3m"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    if words == ["runtime.device=cuda"] and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA GPU")
    run = tmp_path / "run"
    place = [] if words[0].startswith("resume") else [f"run_dir={run}"]
    assert main(["train", *place, *words]) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert not (run / "metrics.jsonl").exists()


def test_a_folder_with_something_in_it_is_not_written_over(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    assert train(tmp_path) == 2
    assert "not empty" in capfd.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_a_sweep_trains_every_combination(tmp_path: Path) -> None:
    words = ["-m", "strategy=none,a_pps", "seed=1,2", "stop.env_steps=500"]
    assert main(["train", *SMOKE[:1], *words, f"run_dir={tmp_path}/${{strategy.name}}-${{seed}}"]) == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a_pps-1", "a_pps-2", "none-1", "none-2"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_three_marines_learn_to_win(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["train", "experiment=quick", f"run_dir={run}"]) == 0
    assert rows(run)[-1]["test_battle_won_mean"] >= 0.9
