"""What runs did whose config.yaml is older than a setting, where today's default may be something else."""

from __future__ import annotations

from collections.abc import Mapping


def before(env: str) -> Mapping[str, object]:
    """Return the values, by name, of settings that a run in the world `env` was begun without."""
    return {
        "algorithm.td_lambda": 0.0,
        "env.starts": "varied" if env == "smac" else "fixed",
        "evaluation.starts": "varied" if env == "smac" else "fixed",
        "evaluation.around_aggregation": False,
    }
