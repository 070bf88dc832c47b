"""Values that runs used before a setting existed. Today's default of the setting may differ."""

from __future__ import annotations

from collections.abc import Mapping

RENAMED = {
    "algorithm.parallel_battles": "algorithm.parallel_episodes",
    "algorithm.exploration_coin": "algorithm.exploration_draws",
}
"""Settings by their earlier names. A run's config.yaml may hold them; on a command line an error gives the new name."""


def before(env: str) -> Mapping[str, object]:
    """Return the values that older runs in the world `env` used, by name of the missing setting."""
    return {
        "algorithm.td_lambda": 0.0,
        "algorithm.reward": "team",
        "env.starts": "varied" if env == "smac" else "fixed",
        "evaluation.starts": "varied" if env == "smac" else "fixed",
        "evaluation.around_aggregation": False,
        "checkpoint.replays": True,
        "init_from": None,
    }
