"""Public contract tests: derive from one of these classes in a test of your own, and pytest collects what must hold.

StrategyProperties needs hypothesis.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PLACES = {
    "AlgorithmContract": "fedqmix.clients.contract",
    "NetworkContract": "fedqmix.networks.contract",
    "StrategyProperties": "fedqmix.strategies.testing",
    "WorldContract": "fedqmix.envs.contract",
}
__all__ = ["AlgorithmContract", "NetworkContract", "StrategyProperties", "WorldContract"]  # noqa: F822  (loaded when asked for)


def __getattr__(name: str) -> Any:
    """Load a contract when it is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
