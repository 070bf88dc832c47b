"""Teams train in the warehouse, in one process and as a federation."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.cli.verify import numbers_of
from support.compared import rows

SMALL = ("env=rware", "env.episode_limit=10", "experiment=smoke", "evaluation.every_env_steps=200")


def train(folder: Path, *words: str) -> int:
    return main(["train", *SMALL, f"run_dir={folder}", *words])


@pytest.mark.parametrize("words", [("algorithm=mappo",), ("algorithm=vdn", "env.reward=two_stage")])
def test_a_team_trains(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert train(tmp_path / "run", *words, "strategy=none", "stop.env_steps=600") == 0
    last = rows(tmp_path / "run")[-1]
    assert last["train_step"] > 0
    assert last["test_ep_length_mean"] == 10
    assert last["test_return_mean"] >= 0
    assert all(math.isfinite(value) for value in last.values() if isinstance(value, float))
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["outcome"] == "finished"


def test_colours_are_clusters(tmp_path: Path) -> None:
    """Agents of a colour end with one network, of two colours with two."""
    words = ("map=rware-2color-tiny-4ag-v1", "strategy=clusters", "algorithm=iql", "stop.rounds=2")
    assert train(tmp_path / "run", *words) == 0
    made = dict(numbers_of(tmp_path / "run"))
    heads = [made[f"agent-{agent}/online.head.weight"] for agent in range(4)]
    assert torch.equal(heads[0], heads[1])
    assert torch.equal(heads[2], heads[3])
    assert not torch.equal(heads[0], heads[2])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_federation_computes_what_one_process_does(capfd: pytest.CaptureFixture[str]) -> None:
    words = ("env=rware", "map=rware-2color-tiny-2ag-v1", "env.episode_limit=10", "experiment=smoke")
    words += ("evaluation.every_env_steps=100",)
    assert main(["verify", *words, "algorithm=qmix", "strategy=a_pps", "rounds=2"]) == 0
    assert "the same bit for bit" in capfd.readouterr().out
