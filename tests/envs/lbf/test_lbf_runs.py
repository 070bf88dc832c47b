"""Teams train on level-based foraging, in one process and as a federation, and runs resume."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.cli.verify import differences, numbers_of
from support.compared import rows

SMALL = ("env=lbf", "map=Foraging-5x5-2p-1f-v3", "env.episode_limit=20", "experiment=smoke")
SMALL += ("evaluation.every_env_steps=200",)


def train(folder: Path, *words: str) -> int:
    return main(["train", *SMALL, f"run_dir={folder}", *words])


@pytest.mark.parametrize("algorithm", ["vdn", "mappo"])
def test_a_team_trains(tmp_path: Path, algorithm: str) -> None:
    assert train(tmp_path / "run", f"algorithm={algorithm}", "stop.env_steps=600") == 0
    last = rows(tmp_path / "run")[-1]
    assert last["train_step"] > 0
    assert 0 < last["test_ep_length_mean"] <= 20
    assert 0 <= last["test_return_mean"] <= 1
    assert all(math.isfinite(value) for value in last.values() if isinstance(value, float))
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["outcome"] == "finished"


def test_runs_resume(tmp_path: Path) -> None:
    """A resumed run ends as one in one piece does, with masks and fixed levels as clusters."""
    words = ("map=Foraging-fixed-5x5-4p-2f-v2", "env.mask=true", "strategy=clusters", "algorithm=iql")
    words += ("checkpoint.every_rounds=1",)
    assert train(tmp_path / "whole", *words, "stop.rounds=3") == 0
    assert train(tmp_path / "parts", *words, "stop.rounds=2") == 0
    assert main(["train", f"resume={tmp_path / 'parts'}", "stop.rounds=3"]) == 0
    whole, parts = (dict(numbers_of(tmp_path / name)) for name in ("whole", "parts"))
    assert max(differences(whole, parts).values()) == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_federation_computes_what_one_process_does(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", *SMALL, "algorithm=qmix", "strategy=a_pps", "rounds=2"]) == 0
    assert "the same bit for bit" in capfd.readouterr().out
