"""Teams train in a parallel environment by every kind of algorithm, and again what broke down."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("pettingzoo", reason="PettingZoo is not installed")

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import load
from support.pettingzoo_worlds import FILE

SMALL = ("experiment=smoke", "stop.rounds=2", "evaluation.episodes=2", "evaluation.every_env_steps=1")


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch, tag: str, tmp_path: Path) -> None:
    """Workers find what this process finds, and none of them outlives its test."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "algorithm", ["qmix", *(pytest.param(name, marks=pytest.mark.slow) for name in ("iql", "vdn", "mappo"))]
)
def test_a_team_trains(algorithm: str) -> None:
    words = ("env=pettingzoo", f"env.code={FILE}:Dig", "map=dig", "env.games=2", f"algorithm={algorithm}")
    assert main(["train", *words, *SMALL, "run_dir=run"]) == 0
    assert (load("run").env.n_agents, load("run").env.episode_limit) == (3, 12)
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["round"] == 2
    assert rows[-1]["test_return_mean"] > 0  # Dig's rewards are positive
    assert 0 < rows[-1]["test_ep_length_mean"] <= 12
    assert sum(row["broken_battles"] for row in rows) == 0


def test_code_that_always_fails_ends_the_run_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("env=pettingzoo", f"env.code={FILE}:Failing", "map=dig", "env.games=1", "algorithm=vdn")
    assert main(["train", *words, *SMALL, "run_dir=run"]) != 0
    shown = " ".join(capsys.readouterr().err.split())
    assert "4 episodes in a row broke down" in shown
    assert "the digger broke its shovel (parallel_envs.py, line" in shown
    assert "Traceback" not in shown
