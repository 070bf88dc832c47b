"""The functions that build a world, and its sizes, from a task's name and the settings of its suite."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import available_maps, load_map
from fedqmix.envs.registry import find_suite
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec

__all__ = [
    "agent_types",
    "available_maps",
    "available_tasks",
    "make_world",
    "maximum_reward",
    "playable_tasks",
    "require_world",
    "team_spec",
]


def make_world(map: str, seed: int, env: EnvConfig, sink: TeamSink, threads: int = 1) -> LocalWorld:
    """Build the world that plays a task's episodes; arguments and errors as `Suite.make` and `require_world`."""
    require_world(map, env)
    return find_suite(env.name).make(map, env, seed, sink, threads)


def require_world(map: str, env: EnvConfig) -> None:
    """Check that this machine has everything a task needs; see `Suite.require`."""
    find_suite(env.name).require(map, env)


def team_spec(map: str, env: EnvConfig) -> TeamSpec:
    """Return the sizes of a task. Raises ConfigurationError for an unknown one."""
    return find_suite(env.name).spec(map, env)


def available_tasks(suite: str) -> Sequence[str]:
    """Return the names of a suite's tasks, which are the values of `map`; see `Suite.tasks`."""
    return find_suite(suite).tasks()


def playable_tasks(env: EnvConfig) -> list[str]:
    """Return the names of a suite's tasks that go together with its settings."""
    return [task for task in available_tasks(env.name) if _goes_with(task, env)]


def _goes_with(task: str, env: EnvConfig) -> bool:
    try:
        team_spec(task, env)
    except ConfigurationError:
        return False
    return True


def agent_types(map: str, env: EnvConfig) -> list[str]:
    """Return the type of each agent, [agents]; see `Suite.agent_types`."""
    return find_suite(env.name).agent_types(map, env)


def maximum_reward(map: str, env: BattleOptions) -> float:
    """Return SMAC's max_reward: the unscaled return of killing all enemies and winning."""
    from fedqmix.envs.skirmish.rewards import make_reward_rules  # only SMAC's interface asks

    return make_reward_rules(load_map(map), env).max_reward
