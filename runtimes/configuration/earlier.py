"""What runs did whose config.yaml is older than a setting, where the setting's default is something else."""

from __future__ import annotations


def evaluation_of(env: str) -> dict[str, str | bool]:
    """Return how a run in the world `env` was evaluated before `evaluation` had these settings."""
    return {"starts": "varied" if env == "smac" else "fixed", "around_aggregation": False}
