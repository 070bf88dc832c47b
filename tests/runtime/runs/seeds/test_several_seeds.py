"""`fedqmix train seeds=[1,2,3]` as a user runs it: each seed is its single run, and what survives interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.runs.seeds.experiment import Experiment
from fedqmix.runtime.runs.side_by_side.cores import cores
from support.compared import assert_equal_runs, rows
from support.tagged import eventually, tagged

SMOKE = ["experiment=smoke", "stop.env_steps=2500"]


@pytest.fixture(scope="module")
def singles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeds 1 and 2 as single runs, in folders named like those of several seeds."""
    folder = tmp_path_factory.mktemp("singles")
    for seed in (1, 2):
        assert main(["train", *SMOKE, f"seed={seed}", f"run_dir={folder / f'seed-{seed}'}"]) == 0
    return folder


def train(folder: Path, seeds: str, *words: str) -> int:
    return main(["train", *SMOKE, f"seeds={seeds}", f"run_dir={folder}", *words])


def newest_round(run_dir: Path) -> int:
    """Return the round of the newest checkpoint, -1 before the first."""
    return max((int(path.name[6:]) for path in (run_dir / "checkpoints").glob("round-*")), default=-1)


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start training, and return once the first seed has one more round than before to go on from."""
    before = max(newest_round(folder / "seed-1"), 0)
    command = [sys.executable, "-m", "fedqmix", "train", *SMOKE, "seeds=[1,2]", f"run_dir={folder}", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 180
    while newest_round(folder / "seed-1") <= before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def assert_singles(folder: Path, singles: Path, *seeds: int) -> None:
    for seed in seeds:
        run = folder / f"seed-{seed}"
        assert_equal_runs(singles / run.name, run)
        assert json.loads((run / "summary.json").read_text())["outcome"] == "finished"


@pytest.mark.slow
def test_each_seed_is_its_single_run_and_what_is_done_is_not_done_again(
    tmp_path: Path, singles: Path, tag: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "all of them"
    quoted = Path(f"'{folder}'")
    assert train(quoted, "[1,2]") == 0
    assert_singles(folder, singles, 1, 2)
    ours, single = load(folder / "seed-2"), load(singles / "seed-2")
    assert (ours.seed, ours.run_dir) == (2, str(folder / "seed-2"))
    assert replace(ours, run_dir=single.run_dir, runtime=single.runtime) == single
    (command,) = json.loads((folder / "seed-2" / "run.json").read_text())["commands"]
    assert command.startswith("fedqmix train experiment=smoke stop.env_steps=2500 ")
    assert " seed=2 " in command
    said = capfd.readouterr().out
    assert "seed 1 is done" in said
    assert "mean" in said

    before = rows(folder / "seed-1")
    assert train(quoted, "[1,2]") == 0
    assert "all seeds are done" in capfd.readouterr().out
    assert main(["train", f"resume={quoted}"]) == 0
    assert "all seeds are done" in capfd.readouterr().out
    assert rows(folder / "seed-1") == before
    assert len(json.loads((folder / "seed-2" / "run.json").read_text())["commands"]) == 1


@pytest.mark.slow
def test_ctrl_c_ends_all_and_one_command_goes_on_with_them(tmp_path: Path, singles: Path, tag: str) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert f"train resume={tmp_path}" in errors
    assert not tagged(tag)
    assert json.loads((tmp_path / "seed-1" / "summary.json").read_text())["outcome"] == "interrupted"
    assert main(["train", f"resume={tmp_path}"]) == 0
    assert_singles(tmp_path, singles, 1, 2)


@pytest.mark.slow
def test_killed_and_then_ended_by_sigterm_all_go_on_those_that_waited_too(
    tmp_path: Path, singles: Path, tag: str
) -> None:
    one_after_the_other = f"runtime.threads={cores()}"
    killed = start(tmp_path, one_after_the_other)
    killed.kill()
    killed.communicate()
    assert eventually(lambda: not tagged(tag))

    ended = start(tmp_path)  # with the threads it was begun with
    ended.terminate()
    out, errors = ended.communicate(timeout=60)
    assert ended.returncode == 130
    assert "seed 1 goes on" in out
    assert "seed 2" not in out
    assert f"train resume={tmp_path}" in errors
    assert not tagged(tag)

    assert train(tmp_path, "[2,1]") == 0
    assert_singles(tmp_path, singles, 1, 2)


@pytest.mark.slow
def test_a_seed_that_fails_is_named_and_stops_no_other(
    tmp_path: Path, singles: Path, tag: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "all"
    Experiment.begin([*SMOKE, f"run_dir={folder}"], [1, 2]).close()
    in_the_way = folder / "seed-2" / "mine.txt"
    in_the_way.parent.mkdir()
    in_the_way.write_text("keep me")
    assert train(folder, "[2,1]") == 1
    said = capfd.readouterr().out
    log = folder / "logs" / "seed-2.log"
    assert f"seed 2 failed; its log: {log}" in said
    assert f"train resume={folder}" in said
    assert "seed 1 is done" in said
    assert "not empty" in log.read_text()
    assert in_the_way.read_text() == "keep me"
    assert_singles(folder, singles, 1)


@pytest.mark.slow
def test_seeds_that_are_done_go_on_when_asked_for_more_steps(tmp_path: Path, singles: Path, tag: str) -> None:
    assert train(tmp_path, "[1,2]", "stop.env_steps=900") == 0
    assert main(["train", f"resume={tmp_path}", "stop.env_steps=2500", "checkpoint.keep=3"]) == 0
    assert [rows(tmp_path / f"seed-{seed}")[-1]["env_step"] >= 2500 for seed in (1, 2)] == [True, True]
    assert load(tmp_path / "seed-1").checkpoint.keep == 3
    assert json.loads((tmp_path / "seeds.json").read_text())["overrides"][-2:] == [
        "stop.env_steps=2500",
        "checkpoint.keep=3",
    ]


@pytest.mark.slow
def test_every_experiment_of_a_sweep_has_its_seeds(tmp_path: Path, tag: str) -> None:
    words = ["-m", "strategy=none,a_pps", "seeds=[1,2]", "stop.env_steps=500", f"run_dir={tmp_path}/${{strategy.name}}"]
    assert main(["train", *SMOKE[:1], *words]) == 0
    assert sorted(run.parent.relative_to(tmp_path).as_posix() for run in tmp_path.glob("*/*/run.json")) == [
        "a_pps/seed-1",
        "a_pps/seed-2",
        "none/seed-1",
        "none/seed-2",
    ]


@pytest.mark.slow
def test_making_ready_compiles_all_that_a_run_needs(tmp_path: Path) -> None:
    code = (
        "from fedqmix.runtime.configuration.settings import compose;"
        "from fedqmix.runtime.runs.side_by_side.compiling import compile_kernels;"
        "compile_kernels(compose(['map=2s3z']))"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    compiled = set((tmp_path / "cache").rglob("*.nb*"))
    assert compiled
    words = [sys.executable, "-m", "fedqmix", "train", *SMOKE, "map=3m", f"run_dir={tmp_path / 'run'}"]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    assert set((tmp_path / "cache").rglob("*.nb*")) == compiled
