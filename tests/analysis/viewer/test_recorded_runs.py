"""Training saves replays, and is the same run with and without them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from fedqmix.envs.replays import read_replay
from fedqmix.runtime.api.run import Run
from fedqmix.runtime.cli.main import main
from support.cost_suite import TASK, installed

SMOKE = ["experiment=smoke", "stop.env_steps=1500", "checkpoint.keep=2"]


def results(run: Path) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    """Return the evaluations' rows, times aside, and all tensors of the newest and the best checkpoint."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    rows = [{key: value for key, value in line.items() if key != "elapsed_s"} for line in lines]
    folders = [max((run / "checkpoints").glob("round-*")), run / "checkpoints" / "best"]
    files = [file for folder in folders for file in sorted(folder.glob("*.safetensors"))]
    tensors = {f"{f.parent.name}/{f.stem}/{k}": v for f in files for k, v in safetensors.torch.load_file(f).items()}
    return rows, tensors


@pytest.mark.parametrize("strategy", ["a_pps", "pp_pps"])
def test_recording_changes_no_metric_and_no_parameter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    words = ["train", *SMOKE, f"strategy={strategy}"]
    assert main([*words, f"run_dir={tmp_path}/recorded"]) == 0
    assert main([*words, "checkpoint.replays=false", f"run_dir={tmp_path}/plain"]) == 0
    assert not list((tmp_path / "plain" / "replays").iterdir())
    assert main(["watch", f"{tmp_path}/plain"]) == 2
    assert "was trained with checkpoint.replays=false" in capsys.readouterr().err
    rows, tensors = results(tmp_path / "plain")
    found_rows, found_tensors = results(tmp_path / "recorded")
    assert found_rows == rows
    assert found_tensors.keys() == tensors.keys()
    assert [name for name, value in tensors.items() if not torch.equal(value, found_tensors[name])] == []


def test_every_checkpoint_and_the_best_evaluation_have_a_replay(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["train", *SMOKE, f"run_dir={run}"]) == 0
    checkpoints = sorted(path.name for path in (run / "checkpoints").glob("round-*"))
    replays = {path.name.removesuffix(".json.gz"): read_replay(path) for path in (run / "replays").iterdir()}
    assert sorted(replays) == ["best", *checkpoints]
    rows, _ = results(run)
    best = max(rows, key=lambda row: (row["test_battle_won_mean"], row["test_return_mean"]))
    assert replays["best"].occasion.round == best["round"]
    assert replays["best"].occasion.env_step == best["env_step"]
    assert replays["best"].occasion.purpose == "varied-evaluation"
    for name in checkpoints:
        occasion = replays[name].occasion
        assert (name, occasion.purpose) == (f"round-{occasion.round:06d}", "showing")
        assert occasion.run == "run"
        assert replays[name].explored.any()


def test_a_run_goes_on_when_its_replays_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = tmp_path / "run"
    assert main(["train", *SMOKE, "stop.env_steps=600", f"run_dir={run}"]) == 0
    for path in (run / "replays").iterdir():
        path.unlink()
    (run / "replays").rmdir()
    (run / "replays").write_text("a file where the folder was")
    assert main(["train", f"resume={run}", "stop.env_steps=1200"]) == 0
    assert "could not be written" in caplog.text


OTHER_WORLDS = {
    "bps": ("env=bps", "env.groups=2", "env.group_size=2", "env.episode_limit=10"),
    "lbf": ("env=lbf", "map=Foraging-5x5-2p-1f-v3", "env.episode_limit=10"),
    "rware": ("env=rware", "map=rware-2color-tiny-2ag-v1", "env.episode_limit=10"),
}
SHORT = ("experiment=smoke", "stop.env_steps=400", "evaluation.every_env_steps=200")


@pytest.mark.parametrize("name", OTHER_WORLDS)
def test_runs_in_other_worlds_have_replays_that_change_nothing(tmp_path: Path, name: str) -> None:
    words = ["train", *OTHER_WORLDS[name], *SHORT]
    assert main([*words, f"run_dir={tmp_path}/recorded"]) == 0
    assert main([*words, "checkpoint.replays=false", f"run_dir={tmp_path}/plain"]) == 0
    assert not list((tmp_path / "plain" / "replays").iterdir())
    rows, tensors = results(tmp_path / "plain")
    found_rows, found_tensors = results(tmp_path / "recorded")
    assert found_rows == rows
    assert [key for key, value in tensors.items() if not torch.equal(value, found_tensors[key])] == []
    run = Run(tmp_path / "recorded")
    assert "best" in run.replays
    best = run.replays["best"]
    assert best.scenery is not None
    assert best.occasion.round > 0
    assert 0 < best.steps <= 10
    assert main(["watch", str(run.path), "--no-open"]) == 0
    assert f"return {best.team_return:.2f} in" in (run.path / "replays" / "best.html").read_text()
    assert main(["watch", str(run.path), "--gif", f"{tmp_path}/film.gif"]) == 0
    assert (tmp_path / "film.gif").read_bytes().startswith(b"GIF89a")


def test_worlds_without_a_look_have_no_replays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with installed():
        words = ["train", f"map={TASK}", "experiment=smoke", "stop.env_steps=200", f"run_dir={tmp_path}/run"]
        assert main(words) == 0
        assert not list((tmp_path / "run").rglob("*.json.gz"))
        assert main(["watch", f"{tmp_path}/run", "--no-open"]) == 2
    assert "has no replays: episodes of env=" in capsys.readouterr().err
