"""`fedqmix paper` as a user runs it: cut off, called again, and each run the single run that it says it is."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from support.compared import assert_equal_runs, rows
from support.tagged import eventually, tagged

TINY = ["scale=smoke", "stop.env_steps=600", "strategy.aggregation_interval=4", "evaluation.episodes=2"]
SETTINGS = ["experiment=smoke", *TINY[1:]]
PAIRS = [(one, other) for one in ("qmix", "vdn") for other in ("none", "full_sharing", "a_pps", "rs_pps", "pp_pps")]


def command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "fedqmix", "paper", *TINY, f"run_dir={folder}", *words]


def finished(folder: Path) -> list[str]:
    """Return the runs that have come to their end."""
    found = []
    for summary in folder.glob("3m/*/summary.json"):
        if json.loads(summary.read_bytes())["outcome"] == "finished":
            found.append(summary.parent.name)
    return sorted(found)


def under_way(folder: Path) -> list[str]:
    """Return the runs that have a round to go on from and are not at their end."""
    found = [path.parents[1] for path in folder.glob("3m/*/checkpoints/round-00000[1-9]")]
    return sorted({run.name for run in found if not (run / "summary.json").exists()})


def interrupt_when(folder: Path, runs: int, *words: str) -> str:
    """Start, send Ctrl-C once so many runs are done and another is under way, and return what was said of it."""
    process = subprocess.Popen(command(folder, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while len(finished(folder)) < runs or not under_way(folder):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    return errors


def assert_single(folder: Path, algorithm: str, strategy: str, seed: int, single: Path, *words: str) -> None:
    """Check that a run is, bit for bit, what `fedqmix train` makes of its settings."""
    own = [f"algorithm={algorithm}", f"strategy={strategy}", f"seed={seed}", f"run_dir={single}"]
    assert main(["train", *SETTINGS, *words, *own]) == 0
    assert_equal_runs(single, folder / "3m" / f"{algorithm}-{strategy}-s{seed}")


def assert_reported(folder: Path) -> None:
    """The page has a method for each pair, the figures, and every number of metrics.jsonl."""
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script[^>]* id="data"[^>]*>(.*?)</script>', page, re.DOTALL).group(1))
    told = json.dumps(data)
    for run in finished(folder):
        assert run.rpartition("-s")[0] in page
        for row in rows(folder / "3m" / run):
            assert json.dumps(row["test_return_mean"]) in told
    for figure in ("curves", "returns", "bytes", "seconds", "weights", "distances"):
        assert (folder / "report" / f"{figure}.svg").stat().st_size > 1000


@pytest.mark.slow
def test_from_an_empty_folder_to_the_report_and_nothing_is_done_twice(
    tmp_path: Path, tag: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "all"
    call = ["paper", *TINY, "algorithms=[vdn]", "strategies=[a_pps,rs_pps]", "seeds=[3]", f"run_dir={folder}"]
    assert main(call) == 0
    said = capfd.readouterr().out
    assert "vdn rs_pps seed 3 starts" in said
    assert finished(folder) == ["vdn-a_pps-s3", "vdn-rs_pps-s3"]
    assert f"report: {folder / 'report' / 'report.html'}" in said
    assert_reported(folder)

    evaluations = rows(folder / "3m" / "vdn-a_pps-s3")
    assert main(call) == 0
    said = capfd.readouterr().out
    assert "2 are done" in said
    assert "starts" not in said
    assert rows(folder / "3m" / "vdn-a_pps-s3") == evaluations
    assert eventually(lambda: not tagged(tag))


@pytest.mark.slow
def test_cut_off_and_called_again(tmp_path: Path, tag: str, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "all"
    two = ["algorithms=[vdn]", "strategies=[a_pps,rs_pps]", "seeds=[3]", "stop.env_steps=1500"]
    errors = interrupt_when(folder, 0, *two, "runtime.threads=64")  # one at a time
    assert f"run_dir={folder}" in errors
    assert not tagged(tag)
    assert finished(folder) == []
    assert [run.name for run in folder.glob("3m/*")] == ["vdn-a_pps-s3"]

    assert main(["paper", *TINY, *two, f"run_dir={folder}"]) == 0
    said = capfd.readouterr().out
    assert "vdn a_pps seed 3 goes on" in said
    assert "vdn rs_pps seed 3 starts" in said
    assert finished(folder) == ["vdn-a_pps-s3", "vdn-rs_pps-s3"]
    first = json.loads((folder / "3m" / "vdn-a_pps-s3" / "run.json").read_bytes())["commands"]
    assert len(first) == 2
    assert_single(folder, "vdn", "a_pps", 3, tmp_path / "single", "stop.env_steps=1500")


@pytest.mark.slow
@pytest.mark.timeout(1200)  # some forty processes, each of which loads PyTorch
def test_all_ten_pairs_survive_ctrl_c_in_the_middle(tmp_path: Path, tag: str) -> None:
    folder = tmp_path / "ten"
    interrupt_when(folder, 3, "seeds=[1]")
    assert not tagged(tag)
    done = finished(folder)
    assert 3 <= len(done) < 10
    kept = {run: (folder / "3m" / run / "run.json").stat().st_mtime_ns for run in done}

    again = subprocess.run(command(folder, "seeds=[1]"), capture_output=True, text=True, check=True)
    assert f"{len(done)} are done" in again.stdout
    assert finished(folder) == sorted(f"{algorithm}-{strategy}-s1" for algorithm, strategy in PAIRS)
    assert {run: (folder / "3m" / run / "run.json").stat().st_mtime_ns for run in done} == kept
    for run in folder.glob("3m/*"):
        assert rows(run)[-1]["env_step"] >= 600

    third = subprocess.run(command(folder, "seeds=[1]"), capture_output=True, text=True, check=True)
    assert "10 are done" in third.stdout
    assert "starts" not in third.stdout
    assert_single(folder, "qmix", "rs_pps", 1, tmp_path / "rs_pps")
    assert_single(folder, "vdn", "full_sharing", 1, tmp_path / "full_sharing")


@pytest.mark.slow
def test_a_run_that_fails_stops_no_other_and_is_gone_on_with(tmp_path: Path, tag: str) -> None:
    folder = tmp_path / "all"
    words = ["algorithms=[vdn]", "strategies=[none,a_pps]", "seeds=[1]"]
    in_the_way = folder / "3m" / "vdn-none-s1" / "mine.txt"
    before = subprocess.run(command(folder, *words, "--dry-run"), capture_output=True, text=True, check=True)
    assert "2 runs in" in before.stdout
    assert not folder.exists()
    assert main(["paper", *TINY, "algorithms=[vdn]", "strategies=[a_pps]", "seeds=[2]", f"run_dir={folder}"]) == 0
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("keep me")
    failed = subprocess.run(command(folder, *words), capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "vdn none seed 1 failed; its log" in failed.stdout
    assert "not empty" in (folder / "logs" / "3m" / "vdn-none-s1.log").read_text()
    assert finished(folder) == ["vdn-a_pps-s1", "vdn-a_pps-s2"]
    in_the_way.unlink()
    assert main(["paper", *TINY, *words, f"run_dir={folder}"]) == 0
    assert finished(folder) == ["vdn-a_pps-s1", "vdn-a_pps-s2", "vdn-none-s1"]
