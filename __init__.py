"""Federated multi-agent reinforcement learning on Flower.

This folder is the package: `fedqmix.clients`, `fedqmix.server`, `fedqmix.strategies`, ... ARCHITECTURE.md is its map.
The names below are the Python API (docs/python.md). Each is loaded when it is first used, so `import fedqmix` is cheap.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedqmix.runtime.api.evaluation import Evaluation, evaluate
    from fedqmix.runtime.api.listing import runs
    from fedqmix.runtime.api.loading import load
    from fedqmix.runtime.api.run import Metrics, Replays, Run, RunState
    from fedqmix.runtime.api.team import Team, TeamMemory
    from fedqmix.runtime.api.training import train
    from fedqmix.runtime.api.world import BatchedWorld, WorldStep, make_world
    from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError, FedqmixError, InputError, WorldError
    from fedqmix.runtime.core.world import TeamSpec

# Nothing is reported unless asked for. Flower and Ray read these when they are first imported, so they are
# set before any module of ours can import them. Set the variables to 1 to switch reports on.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

_PLACES = {
    "BatchedWorld": "fedqmix.runtime.api.world",
    "CheckpointError": "fedqmix.runtime.core.errors",
    "ConfigurationError": "fedqmix.runtime.core.errors",
    "Evaluation": "fedqmix.runtime.api.evaluation",
    "FedqmixError": "fedqmix.runtime.core.errors",
    "InputError": "fedqmix.runtime.core.errors",
    "Metrics": "fedqmix.runtime.api.run",
    "Replays": "fedqmix.runtime.api.run",
    "Run": "fedqmix.runtime.api.run",
    "RunState": "fedqmix.runtime.api.run",
    "Team": "fedqmix.runtime.api.team",
    "TeamMemory": "fedqmix.runtime.api.team",
    "TeamSpec": "fedqmix.runtime.core.world",
    "WorldError": "fedqmix.runtime.core.errors",
    "WorldStep": "fedqmix.runtime.api.world",
    "evaluate": "fedqmix.runtime.api.evaluation",
    "load": "fedqmix.runtime.api.loading",
    "make_world": "fedqmix.runtime.api.world",
    "runs": "fedqmix.runtime.api.listing",
    "train": "fedqmix.runtime.api.training",
}
__all__ = [
    "BatchedWorld",
    "CheckpointError",
    "ConfigurationError",
    "Evaluation",
    "FedqmixError",
    "InputError",
    "Metrics",
    "Replays",
    "Run",
    "RunState",
    "Team",
    "TeamMemory",
    "TeamSpec",
    "WorldError",
    "WorldStep",
    "evaluate",
    "load",
    "make_world",
    "runs",
    "train",
]


def __getattr__(name: str) -> Any:
    """Load a name of the API when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    """List the names of the API beside those of the module."""
    return sorted({*globals(), *__all__})
