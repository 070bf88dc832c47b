"""Runs of teams whose size is drawn for every episode: killed and resumed, and what agents are weighed by."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.storage import reading
from support.compared import assert_equal_runs

WORDS = ["experiment=smoke", "map=3-8m", "algorithm=qmix", "strategy=a_pps", "stop.env_steps=1500"]


def first_round(run: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while not (run / "checkpoints" / "round-000001").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert main(["train", *WORDS, f"run_dir={straight}"]) == 0
    command = [sys.executable, "-m", "fedqmix", "train", *WORDS, f"run_dir={killed}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first_round(killed, process)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert main(["train", f"resume={killed}"]) == 0
    assert_equal_runs(killed, straight)
    segments = list((straight / "checkpoints" / "episodes").glob("*private*"))
    assert segments
    checkpoint = reading.load(reading.locate(straight))
    assert checkpoint.rings["private"].segments
    rows = [json.loads(line) for line in (straight / "metrics.jsonl").read_text().splitlines()]
    weights = np.array([[row[f"fed/weight_{agent}"] for agent in range(8)] for row in rows])
    np.testing.assert_allclose(weights.sum(1), 1)
    assert (weights.std(1) > 0).any()  # agents existed in different numbers of episodes
