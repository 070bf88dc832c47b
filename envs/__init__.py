"""The worlds in which agents play: combat simulators behind SMAC's interface."""

from typing import TYPE_CHECKING, Any

from fedqmix.envs.factory import available_maps, make_world, maximum_reward, require_world, team_spec

if TYPE_CHECKING:
    from fedqmix.envs.starcraft2env import StarCraft2Env

__all__ = ["StarCraft2Env", "available_maps", "make_world", "maximum_reward", "require_world", "team_spec"]


def __getattr__(name: str) -> Any:
    """Import StarCraft2Env when it is asked for: only other libraries' programs need it."""
    if name != "StarCraft2Env":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fedqmix.envs.starcraft2env import StarCraft2Env

    return StarCraft2Env
