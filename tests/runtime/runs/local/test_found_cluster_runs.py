"""Whole runs that find their clusters: what a summary has, also after a resume, and which runs end before a round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.storage import reading
from fedqmix.strategies.identity.strategy import CLUSTER_OF, ENV_STEPS, FITS

FOUND = [
    *("strategy=adaps", "strategy.clusters=2", "strategy.identity_episodes=2", "strategy.identity_steps=10"),
    *("env=bps", "env.groups=2", "env.group_size=1", "env.episode_limit=10", "algorithm=iql"),
    *("model=mlp", "runtime.backend=torch", "evaluation.every_env_steps=100000"),
]


def train(run_dir: Path, *words: str) -> int:
    return main(["train", "experiment=smoke", f"run_dir={run_dir}", *words])


def summary(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


def test_a_summary_has_found_clusters_also_after_a_resume(tmp_path: Path) -> None:
    assert train(tmp_path / "whole", *FOUND, "stop.rounds=2") == 0
    assert train(tmp_path / "resumed", *FOUND, "stop.rounds=1") == 0
    assert main(["train", f"resume={tmp_path / 'resumed'}", "stop.rounds=2"]) == 0
    figures = summary(tmp_path / "whole")["strategy_figures"]
    assert figures["identity"]["clusters"] == [[0], [1]]
    assert figures["identity"]["identity_env_steps"] == 20
    assert figures["widths"] == {"fc1": 16, "fc2": 16}
    assert summary(tmp_path / "resumed")["strategy_figures"] == figures


def test_a_run_whose_agents_are_alike_ends_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary of such a run has neither clusters nor sub-networks."""
    alike = ["strategy.clusters=auto", "env.groups=4", "strategy.identity_silhouette=1"]
    assert train(tmp_path / "run", *FOUND, *alike) == 2
    assert "form no clear clusters" in capsys.readouterr().err
    assert "strategy_figures" not in summary(tmp_path / "run")


def test_a_checkpoint_whose_clusters_are_damaged_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path / "run", *FOUND, "stop.rounds=1") == 0
    file = reading.locate(tmp_path / "run") / "strategy.safetensors"
    tensors = load_file(file)
    for damage in (
        {CLUSTER_OF: torch.tensor([0, 2])},
        {CLUSTER_OF: torch.tensor([0, 1, 1])},
        {FITS: torch.zeros(0, 3, dtype=torch.float64)},
        {ENV_STEPS: torch.tensor([float("nan")])},
    ):
        save_file({**tensors, **damage}, file)
        assert main(["train", f"resume={tmp_path / 'run'}", "stop.rounds=2"]) == 2
        assert "strategy.safetensors" in capsys.readouterr().err
