"""Idle settings: a run's strategy or server optimiser does not read them.

Runs that differ in idle settings alone count as equal.
"""

from __future__ import annotations

STRATEGY = "strategy.name"
SERVER_OPTIMISER = "strategy.server_optimiser"
_OF_OPTIMISERS = {
    "momentum": ("learning_rate", "momentum"),
    "adam": ("adam_eta", "adam_beta_1", "adam_beta_2", "adam_tau"),
}
_READ_BY = {
    "strategy.byzantine": ("trimmed_mean", "krum", "bulyan", "own"),  # for median it only bounds the team's size
    "strategy.krum_select": ("krum", "own"),
    "strategy.clusters": ("clusters", "own"),
}


def idle_settings(strategy: str, server_optimiser: str) -> frozenset[str]:
    """Return the full names of the settings that a strategy and server optimiser do not read."""
    of_others = {
        f"strategy.server_{name}"
        for optimiser, names in _OF_OPTIMISERS.items()
        if optimiser != server_optimiser
        for name in names
    }
    return frozenset(of_others | {name for name, readers in _READ_BY.items() if strategy not in readers})
