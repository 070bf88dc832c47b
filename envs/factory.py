"""The functions that build a world, and its sizes, from a map's name and the settings."""

from __future__ import annotations

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import available_maps, load_map
from fedqmix.envs.skirmish.layout import spec_of
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.envs.skirmish.rewards import make_reward_rules
from fedqmix.envs.smac.options import SmacOptions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec

__all__ = ["agent_unit_types", "available_maps", "make_world", "maximum_reward", "require_world", "team_spec"]


def make_world(map: str, seed: int, env: EnvConfig, sink: TeamSink, threads: int = 1) -> LocalWorld:
    """Build the world that plays episodes on a map.

    seed: fixes, with an episode's purpose and number, every random draw of that episode.
    sink: the only receiver of the global state and the team reward.
    threads: the threads that share a batch of episodes (env=skirmish); results do not depend on it.
    Raises ConfigurationError for an unknown map, and as `require_world` does.
    """
    record = load_map(map)
    require_world(map, env)
    if isinstance(env, SmacOptions):
        from fedqmix.envs.smac.world import SmacWorld  # only env=smac needs it

        return SmacWorld(record, seed, env, sink)
    from fedqmix.envs.skirmish.world import SkirmishWorld  # compiles or loads kernels, which only playing needs

    assert isinstance(env, SkirmishOptions)
    return SkirmishWorld(record, seed, env, sink, threads)


def require_world(map: str, env: EnvConfig) -> None:
    """Check that this machine has everything a world needs, before anything starts.

    Raises ConfigurationError that lists the missing parts and the commands that install them.
    """
    if isinstance(env, SmacOptions):
        from fedqmix.envs.smac.requirements import require

        require(map)


def team_spec(map: str, env: EnvConfig) -> TeamSpec:
    """Return the sizes of a map's teams, observations and states.

    Raises ConfigurationError for an unknown map.
    """
    assert isinstance(env, BattleOptions)
    return spec_of(load_map(map), env)


def agent_unit_types(map: str, env: EnvConfig) -> list[str]:
    """Return the unit type of each agent on a map: [agents].

    Raises ConfigurationError for an unknown map, and when types are drawn for every episode.
    """
    if isinstance(env, SkirmishOptions) and env.randomise in ("types", "both"):
        raise ConfigurationError(
            f"env.randomise={env.randomise} draws the agents' unit types for every episode, so they have none for the "
            "whole run: write strategy.clusters=[[0,1],...] with the agents of each cluster, or another env.randomise."
        )
    record = load_map(map)
    return record.unit_types[: record.n_agents]


def maximum_reward(map: str, env: EnvConfig) -> float:
    """Return SMAC's max_reward: the unscaled return of killing all enemies and winning."""
    assert isinstance(env, BattleOptions)
    return make_reward_rules(load_map(map), env).max_reward
