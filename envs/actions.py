"""Checks of the agents' actions before an environment step, and their error texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.runtime.core.errors import UnavailableActionError, WorldError
from fedqmix.runtime.core.world import Bools, Integers

ACTION_NAMES = ("no-op", "stop", "move north", "move south", "move east", "move west")
"""SMAC's actions before the attacks (StarCraft2Env.get_agent_action)."""


def require_shape(actions: Integers, n_agents: int, episodes: int, one: str = "battle") -> None:
    """Check that actions hold one int64 for every agent in every episode: [n_agents, episodes].

    one: the world's word for an episode. Raises WorldError otherwise, and when no batch was begun (episodes is 0).
    """
    if episodes == 0:
        raise WorldError(f"No {one} was begun: call begin before step.")
    if actions.shape != (n_agents, episodes) or actions.dtype != np.int64:
        raise WorldError(
            f"Actions must be int64 of shape [agents, {one}s] = {[n_agents, episodes]}; "
            f"got {actions.dtype} of shape {list(actions.shape)}."
        )


def refuse(
    agent: int,
    episode: int,
    action: int,
    available: Bools,
    names: Sequence[str] = ACTION_NAMES,
    one: str = "battle",
) -> None:
    """Raise UnavailableActionError for an agent's action in an episode.

    available: [n_actions], the agent's mask; the error lists its actions. names: of the world's actions, in a battle
    of those before the attacks. one: the world's word for an episode.
    """
    n_actions = len(available)
    allowed = ", ".join(f"{a} ({action_name(int(a), n_actions, names)})" for a in np.flatnonzero(available))
    raise UnavailableActionError(
        f"Agent {agent} cannot take action {action} ({action_name(action, n_actions, names)}) in {one} {episode}. "
        f"Available: {allowed}."
    )


def action_name(action: int, n_actions: int, names: Sequence[str] = ACTION_NAMES) -> str:
    """Return the name of an action, or the valid range for a number outside it."""
    if 0 <= action < len(names):
        return names[action]
    if 0 <= action < n_actions:
        return f"attack enemy {action - len(names)}"
    return f"not a valid action: actions are 0 to {n_actions - 1}"
