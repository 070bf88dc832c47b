"""strategy.clusters: which agents are averaged among themselves.

types                  the agents of each type: in a battle the unit types of the map
[[0,1],[2,3,4]]        lists of agents, each agent in exactly one
auto, or a number      seps and adaps: as many clusters as the agents' identities form, or that many, found in the run
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fedqmix.conf.schema import Config, StrategyConfig
from fedqmix.envs.factory import agent_types, team_spec
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.strategies.options import ClusterSettings, IdentitySettings

TYPES, AUTO = "types", "auto"
CLUSTERED = ("clusters", "seps", "adaps")
"""The strategies that need strategy.clusters."""
_GIVEN = f"{TYPES}, or lists of agents such as [[0,1],[2,3,4]]"


def check_clustered(strategy: StrategyConfig) -> None:
    """Check that clusters are given where a strategy needs them. Raises ConfigurationError."""
    if strategy.name in CLUSTERED and isinstance(strategy, ClusterSettings) and strategy.clusters is None:
        raise ConfigurationError(f"strategy={strategy.name} needs clusters: {_example(strategy)}.")


def clusters_of(config: Config) -> list[list[int]] | None:
    """Return the agents of each cluster; None when none are set, and when they are to be found.

    Raises ConfigurationError unless the clusters hold every agent of the map exactly once, for unit types that are
    drawn for every episode, and for a cluster below strategy.smallest_cluster.
    """
    strategy = config.strategy
    if not isinstance(strategy, ClusterSettings) or strategy.clusters is None:
        return None
    given = strategy.clusters
    if isinstance(strategy, IdentitySettings) and (given == AUTO or type(given) is int):
        _require_number(strategy, config)
        return None
    if given == TYPES:
        types = agent_types(config.map, config.env)
        clusters = [[agent for agent, own in enumerate(types) if own == each] for each in dict.fromkeys(types)]
    else:
        clusters = _lists(strategy)
        _require_partition(clusters, config.map, team_spec(config.map, config.env).n_agents)
    if isinstance(strategy, IdentitySettings):
        _require_large(clusters, strategy)
    return clusters


def _example(strategy: ClusterSettings) -> str:
    """Return what strategy.clusters may be, for errors."""
    found = f"{AUTO}, a number of clusters, " if isinstance(strategy, IdentitySettings) else ""
    return f"write strategy.clusters={found}{_GIVEN}"


def _require_number(strategy: IdentitySettings, config: Config) -> None:
    """Check that a number of clusters can be found. Raises ConfigurationError."""
    n_agents, given = team_spec(config.map, config.env).n_agents, strategy.clusters
    least, most = (4, None) if given == AUTO else (2, n_agents)
    if n_agents < least or (most is not None and not least <= given <= most):
        allowed = f"needs at least {least} agents" if most is None else f"must be from {least} to {most}"
        raise ConfigurationError(
            f"strategy.clusters={given} {allowed}; {config.map} has {n_agents}: write a number from 2 to {n_agents}, "
            f"{_GIVEN}."
        )
    if 2 * strategy.smallest_cluster > max(n_agents, 2):
        raise ConfigurationError(
            f"strategy.smallest_cluster={strategy.smallest_cluster} leaves room for one cluster alone; {config.map} "
            f"has {n_agents} agents: set at most {max(1, n_agents // 2)}, or use strategy=a_pps."
        )


def _lists(strategy: ClusterSettings) -> list[list[int]]:
    given = strategy.clusters
    lists = isinstance(given, list) and all(isinstance(one, list) and one for one in given)
    if not lists or any(type(agent) is not int for one in given for agent in one):
        raise ConfigurationError(
            f"strategy.clusters={_written(given)} is not a list of lists of agents: {_example(strategy)}."
        )
    return [list(one) for one in given]


def _require_partition(clusters: Sequence[Sequence[int]], map: str, n_agents: int) -> None:
    named = Counter(agent for cluster in clusters for agent in cluster)
    faults = {
        f"names agents that {map} does not have": sorted(agent for agent in named if not 0 <= agent < n_agents),
        "names agents more than once": sorted(agent for agent, count in named.items() if count > 1),
        "leaves out agents": sorted(set(range(n_agents)) - set(named)),
    }
    for what, agents in faults.items():
        if agents:
            listed = ", ".join(str(agent) for agent in agents)
            raise ConfigurationError(
                f"strategy.clusters={_written(clusters)} {what}: {listed}. Name each "
                f"of the agents 0 to {n_agents - 1} of {map} exactly once."
            )


def _require_large(clusters: Sequence[Sequence[int]], strategy: IdentitySettings) -> None:
    """Check that no given cluster is smaller than the smallest allowed one. Raises ConfigurationError."""
    small = [cluster for cluster in clusters if len(cluster) < strategy.smallest_cluster]
    if small:
        raise ConfigurationError(
            f"strategy.clusters={_written(strategy.clusters)} has the cluster {_written(list(small[0]))}, smaller than "
            f"strategy.smallest_cluster={strategy.smallest_cluster}: add agents to it, or lower smallest_cluster."
        )


def _written(given: Any) -> str:
    return str(given).replace(" ", "")
