"""From the name of a map and the settings to a world."""

from __future__ import annotations

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.maps import available_maps, load_map
from fedqmix.envs.skirmish.layout import spec_of
from fedqmix.envs.skirmish.rewards import make_reward_rules
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec

__all__ = ["available_maps", "make_world", "maximum_reward", "require_world", "team_spec"]


def make_world(map: str, seed: int, env: EnvConfig, sink: TeamSink, threads: int = 1) -> LocalWorld:
    """Build the world that plays battles on a map.

    seed: fixes, with a battle's purpose and episode number, every random draw of that battle.
    sink: is given the global state and the team reward; nobody else is.
    threads: skirmish: how many threads share a batch of battles; does not change any result.
    Raises ConfigurationError for an unknown map, and as `require_world` does.
    """
    record = load_map(map)
    require_world(map, env)
    if env.name == "smac":
        from fedqmix.envs.smac.world import SmacWorld  # here, because it loads pysc2, which few have installed

        return SmacWorld(record, seed, env, sink)
    from fedqmix.envs.skirmish.world import SkirmishWorld  # compiles or loads kernels: only who plays pays for it

    return SkirmishWorld(record, seed, env, sink, threads)


def require_world(map: str, env: EnvConfig) -> None:
    """Check that this machine has all that a world needs, before anything is begun.

    Raises ConfigurationError with what is missing and what to type for it.
    """
    if env.name == "smac":
        from fedqmix.envs.smac.requirements import require

        require(map)


def team_spec(map: str, env: EnvConfig) -> TeamSpec:
    """Return the sizes of a map's teams, observations and states. Raises ConfigurationError for an unknown map."""
    return spec_of(load_map(map), env)


def maximum_reward(map: str, env: EnvConfig) -> float:
    """Return SMAC's max_reward: the return, before scaling, of killing everybody and winning."""
    return make_reward_rules(load_map(map), env).max_reward
