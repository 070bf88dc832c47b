"""Print this folder: PYTHONPATH=$(python -m fedqmix.envs.as_smac)."""

from __future__ import annotations

from pathlib import Path

print(Path(__file__).resolve().parent)
