"""Teams train on blind-particle spread, in one process and as a federation, and their runs say nothing false."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.cli.verify import differences, numbers_of
from support.compared import rows

SMALL = ("env=bps", "env.groups=2", "env.group_size=2", "env.episode_limit=10", "experiment=smoke")
SMALL += ("evaluation.every_env_steps=200",)


def train(folder: Path, *words: str) -> int:
    return main(["train", *SMALL, f"run_dir={folder}", *words])


@pytest.mark.parametrize("algorithm", ["iql", "qmix", "mappo"])
def test_a_team_trains(tmp_path: Path, algorithm: str) -> None:
    assert train(tmp_path / "run", f"algorithm={algorithm}", "strategy=none", "stop.env_steps=600") == 0
    last = rows(tmp_path / "run")[-1]
    assert last["train_step"] > 0
    assert last["test_ep_length_mean"] == 10
    assert last["test_return_mean"] < 0
    assert all(math.isfinite(value) for value in last.values() if isinstance(value, float))
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["outcome"] == "finished"


def test_groups_are_clusters_and_runs_resume(tmp_path: Path) -> None:
    """Agents of a group end with one network, of two groups with two; a resumed run ends as one in one piece does."""
    words = ("strategy=clusters", "algorithm=vdn", "checkpoint.every_rounds=1")
    assert train(tmp_path / "whole", *words, "stop.rounds=3") == 0
    assert train(tmp_path / "parts", *words, "stop.rounds=2") == 0
    assert main(["train", f"resume={tmp_path / 'parts'}", "stop.rounds=3"]) == 0
    whole, parts = (dict(numbers_of(tmp_path / name)) for name in ("whole", "parts"))
    assert max(differences(whole, parts).values()) == 0
    heads = [whole[f"agent-{agent}/online.head.weight"] for agent in range(4)]
    assert torch.equal(heads[0], heads[1])
    assert torch.equal(heads[2], heads[3])
    assert not torch.equal(heads[0], heads[2])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_federation_computes_what_one_process_does(capfd: pytest.CaptureFixture[str]) -> None:
    sizes = ("env=bps", "env.groups=2", "env.group_size=1", "env.episode_limit=10", "experiment=smoke")
    sizes += ("evaluation.every_env_steps=100",)
    assert main(["verify", *sizes, "algorithm=qmix", "strategy=a_pps", "rounds=2"]) == 0
    assert "the same bit for bit" in capfd.readouterr().out
