"""The worlds in which agents play, in suites of tasks (registry.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedqmix.runtime.core.lazy import lazily

if TYPE_CHECKING:
    from fedqmix.envs.factory import (
        agent_types,
        available_maps,
        available_tasks,
        make_world,
        maximum_reward,
        require_world,
        team_spec,
    )
    from fedqmix.envs.starcraft2env import StarCraft2Env

__all__ = [
    "StarCraft2Env",
    "agent_types",
    "available_maps",
    "available_tasks",
    "make_world",
    "maximum_reward",
    "require_world",
    "team_spec",
]


def __getattr__(name: str) -> object:
    """Load a name when it is asked for; StarCraft2Env is for other libraries' programs alone."""
    return lazily(__name__, "starcraft2env" if name == "StarCraft2Env" else "factory", __all__)(name)
