"""Checks of the agents' actions before an environment step, and their error texts."""

from __future__ import annotations

import numpy as np

from fedqmix.runtime.core.errors import UnavailableActionError, WorldError
from fedqmix.runtime.core.world import Bools, Integers

ACTION_NAMES = ("no-op", "stop", "move north", "move south", "move east", "move west")
"""SMAC's actions before the attacks (StarCraft2Env.get_agent_action)."""


def require_shape(actions: Integers, n_agents: int, battles: int) -> None:
    """Check that actions hold one int64 for every agent in every battle: [n_agents, battles].

    Raises WorldError otherwise, and when no batch was begun (battles is 0).
    """
    if battles == 0:
        raise WorldError("No battle was begun: call begin before step.")
    if actions.shape != (n_agents, battles) or actions.dtype != np.int64:
        raise WorldError(
            f"Actions must be int64 of shape [agents, battles] = {[n_agents, battles]}; "
            f"got {actions.dtype} of shape {list(actions.shape)}."
        )


def refuse(agent: int, battle: int, action: int, available: Bools) -> None:
    """Raise UnavailableActionError for an agent's action in a battle.

    available: [n_actions], the agent's mask; the error lists its actions.
    """
    n_actions = len(available)
    allowed = ", ".join(f"{a} ({action_name(int(a), n_actions)})" for a in np.flatnonzero(available))
    raise UnavailableActionError(
        f"Agent {agent} cannot take action {action} ({action_name(action, n_actions)}) in battle {battle}. "
        f"Available: {allowed}."
    )


def action_name(action: int, n_actions: int) -> str:
    """Return the name of an action, or the valid range for a number outside it."""
    if 0 <= action < len(ACTION_NAMES):
        return ACTION_NAMES[action]
    if 0 <= action < n_actions:
        return f"attack enemy {action - len(ACTION_NAMES)}"
    return f"not a valid action: actions are 0 to {n_actions - 1}"
