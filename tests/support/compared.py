"""What two runs must have in common to be one and the same, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors.torch
import torch


def rows(run_dir: Path) -> list[dict[str, float]]:
    """Every evaluation without the one value that may differ between equal runs."""
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "elapsed_s"} for line in lines]


def final_tensors(run_dir: Path) -> dict[str, torch.Tensor]:
    """All tensors of the newest checkpoint."""
    newest = max((run_dir / "checkpoints").glob("round-*"))
    files = sorted(newest.glob("*.safetensors"))
    return {f"{f.stem}/{name}": value for f in files for name, value in safetensors.torch.load_file(f).items()}


def assert_equal_runs(one: Path, other: Path) -> None:
    """Equal evaluations, and equal tensors in the newest checkpoint."""
    assert rows(one) == rows(other)
    expected, found = final_tensors(one), final_tensors(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name
