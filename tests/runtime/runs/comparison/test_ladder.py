"""`fedqmix ladder` as a user runs it: cut off, gone on with, made longer, and its table made again without training."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from support.compared import assert_equal_runs, rows
from support.tagged import eventually, tagged

TINY = ["experiment=smoke", "strategy.aggregation_interval=4", "evaluation.episodes=2"]


def words(folder: Path, data: Path, *more: str) -> list[str]:
    return ["ladder", *TINY, f"run_dir={folder}", f"data={data}", *more]


def finished(folder: Path) -> list[str]:
    """Return the runs that have come to their end."""
    found = []
    for summary in folder.glob("*/*/summary.json"):
        if json.loads(summary.read_bytes())["outcome"] == "finished":
            found.append(summary.parent.relative_to(folder).as_posix())
    return sorted(found)


def under_way(folder: Path) -> list[Path]:
    """Return the runs that have a round to go on from and are not at their end."""
    found = {path.parents[1] for path in folder.glob("*/*/checkpoints/round-00000[1-9]")}
    return [run for run in found if not (run / "summary.json").exists()]


def interrupt_in_the_middle(*call: str, folder: Path) -> str:
    """Start, send Ctrl-C once a run is done and another under way, and return what was said."""
    command = [sys.executable, "-m", "fedqmix", *call]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while not finished(folder) or not under_way(folder):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    return errors


def table(capfd: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Return the table that was printed, without the command that made it, and what else was said."""
    said = capfd.readouterr()
    lines = [line for line in said.out.splitlines() if not line.startswith("Made by: ")]
    assert lines[0] == "## Win rates by map"
    return "\n".join(lines), said.err


@pytest.mark.slow
@pytest.mark.timeout(900)  # a dozen processes, each of which loads PyTorch
def test_cut_off_gone_on_with_collected_and_read_again(
    tmp_path: Path, tag: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, data = tmp_path / "ladder", tmp_path / "data"
    call = words(folder, data, "maps=[8m,3m]", "seeds=[1,2]", "stop.env_steps=1500")
    errors = interrupt_in_the_middle(*call, "runtime.threads=64", folder=folder)  # one at a time
    assert f"run_dir={folder}" in errors
    assert eventually(lambda: not tagged(tag))
    done = finished(folder)
    assert 1 <= len(done) < 4
    assert len(list(data.iterdir())) in (len(done), len(done) - 1)  # collected as each ends

    assert main(call) == 0
    first, said = table(capfd)
    assert "goes on" in said
    assert len(finished(folder)) == len(list(data.iterdir())) == 4
    rows = [line.split(" | ") for line in first.splitlines() if line.startswith(("| 3m ", "| 8m "))]
    assert [(row[3], row[4]) for row in rows] == [("varied", "2"), ("fixed", "2")] * 2
    assert (folder / "ladder.svg").stat().st_size > 5000
    single = tmp_path / "single"
    own = [
        "map=3m",
        "strategy=full_sharing",
        "seed=2",
        "stop.env_steps=1500",
        "evaluation.starts=both",
        f"run_dir={single}",
    ]
    assert main(["train", *TINY, *own]) == 0
    assert_equal_runs(single, folder / "3m" / "qmix-full_sharing-s2")
    capfd.readouterr()

    files = {path.name: path.read_bytes() for path in data.iterdir()}
    shutil.rmtree(folder)
    assert main(["ladder", "--table", f"run_dir={folder}", f"data={data}"]) == 0
    assert table(capfd)[0] == first
    assert main(call) == 0
    again, said = table(capfd)
    assert (again, "4 are done" in said, "starts" in said) == (first, True, False)
    assert {path.name: path.read_bytes() for path in data.iterdir()} == files


@pytest.mark.slow
def test_a_longer_run_goes_on_from_where_it_ended(tmp_path: Path, tag: str, capfd: pytest.CaptureFixture[str]) -> None:
    folder, data = tmp_path / "ladder", tmp_path / "data"
    assert main(words(folder, data, "maps=[3m]", "stop.env_steps=600")) == 0
    (path,) = data.iterdir()
    short = path.read_bytes()
    assert main(words(folder, data, "maps=[3m]", "stop.env_steps=1500")) == 0
    said = table(capfd)[1]
    assert "3m qmix full_sharing seed 1 goes on" in said
    run = folder / "3m" / "qmix-full_sharing-s1"
    assert rows(run)[-1]["env_step"] >= 1500
    assert path.read_bytes() != short
    assert main(words(folder, data, "maps=[3m,8m]")) == 0  # 8m has the experiment's length, 3m what it was given
    env_steps = [row["env_step"] for row in rows(run)]
    assert env_steps == sorted(set(env_steps))
    assert rows(folder / "8m" / "qmix-full_sharing-s1")[-1]["env_step"] >= 2000
    assert len(list(data.iterdir())) == 2
    assert eventually(lambda: not tagged(tag))


@pytest.mark.slow
def test_a_run_that_is_killed_while_it_goes_on_for_longer_is_not_done(
    tmp_path: Path, tag: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, data = tmp_path / "ladder", tmp_path / "data"
    assert main(words(folder, data, "maps=[3m]", "stop.env_steps=300")) == 0
    (path,) = data.iterdir()
    short, run = path.read_bytes(), folder / "3m" / "qmix-full_sharing-s1"
    rounds = len(rows(run))
    longer = [*words(folder, data, "maps=[3m]"), "stop.env_steps=1000000"]
    process = subprocess.Popen([sys.executable, "-m", "fedqmix", *longer], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while len(rows(run)) <= rounds:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert eventually(lambda: not tagged(tag))
    assert main(["collect", str(run), f"data={data}"]) == 1
    assert "is not finished" in capfd.readouterr().out
    assert path.read_bytes() == short
    assert main(words(folder, data, "maps=[3m]", "stop.env_steps=900")) == 0
    assert "3m qmix full_sharing seed 1 goes on" in table(capfd)[1]


@pytest.mark.slow
def test_a_ladder_of_one_map_that_keeps_the_best_networks_alone(
    tmp_path: Path, tag: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, data = tmp_path / "ladder", tmp_path / "data"
    run = folder / "3m" / "qmix-full_sharing-s1"
    assert main(words(folder, data, "maps=[3m]", "stop.env_steps=300", "keep=best", "--json")) == 0
    varied, found = json.loads(capfd.readouterr().out)
    assert (varied["starts"], found["starts"]) == ("varied", "fixed")
    assert (found["map"], found["recipe"], found["seeds"]) == ("3m", "qmix full_sharing smoke", 1)
    (path,) = data.iterdir()
    assert re.fullmatch(r"3m-qmix-full_sharing-smoke-[0-9a-f]{8}-s1\.tar\.xz", path.name)
    assert [one.name for one in (run / "checkpoints").iterdir()] == ["best"]
    assert main(["report", str(run), "episodes=2"]) == 0
    assert "| best again |" in (run / "report" / "report.md").read_text()
    first = rows(run)
    capfd.readouterr()

    assert main(words(folder, data, "maps=[3m]", "stop.env_steps=900", "keep=best")) == 0
    assert "3m qmix full_sharing seed 1 starts" in table(capfd)[1]  # anew, and the same so far
    assert rows(run)[-1]["env_step"] >= 900
    assert rows(run)[: len(first) - 1] == first[:-1]
    assert [one.name for one in (run / "checkpoints").iterdir()] == ["best"]
    assert eventually(lambda: not tagged(tag))
