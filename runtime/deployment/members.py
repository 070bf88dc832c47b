"""The check that a federation has the agents of a run's map, before the run starts."""

from __future__ import annotations

from collections.abc import Collection

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs import team_spec
from fedqmix.envs.factory import playable_tasks
from fedqmix.runtime.core.errors import ConfigurationError


def require_members(map_name: str, env: EnvConfig, known: Collection[int] | None) -> None:
    """Check that a federation has all agents of a map.

    known: the agents whose SuperNodes are registered at the SuperLink; None when it accepts every SuperNode, so that
    missing agents are found only while the run waits.
    Raises ConfigurationError, which names maps that fit.
    """
    n_agents = team_spec(map_name, env).n_agents
    missing = [] if known is None else [agent for agent in range(n_agents) if agent not in known]
    if known is None or not missing:
        return
    size = next(agent for agent in range(len(known) + 1) if agent not in known)  # agents 0 to size - 1 are there
    fit = [name for name in playable_tasks(env) if team_spec(name, env).n_agents == size]
    raise ConfigurationError(
        f"map={map_name} has {n_agents} agents, and this federation has {len(known)}: the SuperLink knows no SuperNode "
        f"of agent {', '.join(map(str, missing))}. Maps of {size} agents: {', '.join(fit) or 'none'}. For a larger "
        f"team: `fedqmix certs agents={n_agents}`, copy the folders, and start the SuperLink and the new agents."
    )
