"""Settings that decide nothing because of another one, so that runs which differ in them alone are alike."""

from __future__ import annotations

SERVER_OPTIMISER = "strategy.server_optimiser"
_OF_OPTIMISERS = {
    "momentum": ("learning_rate", "momentum"),
    "adam": ("adam_eta", "adam_beta_1", "adam_beta_2", "adam_tau"),
}


def idle_settings(server_optimiser: str) -> frozenset[str]:
    """Return the full names of the settings of server optimisers that a run does not have."""
    return frozenset(
        f"strategy.server_{name}"
        for optimiser, names in _OF_OPTIMISERS.items()
        if optimiser != server_optimiser
        for name in names
    )
