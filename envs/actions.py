"""Checks of the agents' actions before an environment step, and their error texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fedqmix.runtime.core.errors import UnavailableActionError, WorldError
from fedqmix.runtime.core.world import Bools, Integers

Refuse = Callable[[int, int, int, Bools], None]
"""A function that raises UnavailableActionError for agent, episode, action and the agent's mask."""
ACTION_NAMES = ("no-op", "stop", "move north", "move south", "move east", "move west")
"""SMAC's actions before the attacks (StarCraft2Env.get_agent_action)."""


def require_shape(actions: Integers, n_agents: int, count: int, episode: str = "battle") -> None:
    """Check that actions hold one int64 for every agent in every episode: [n_agents, count].

    episode: the world's word for one. Raises WorldError otherwise, and when no batch was begun (count is 0).
    """
    if count == 0:
        raise WorldError(f"No {episode} was begun: call begin before step.")
    if actions.shape != (n_agents, count) or actions.dtype != np.int64:
        raise WorldError(
            f"Actions must be int64 of shape [agents, {episode}s] = {[n_agents, count]}; "
            f"got {actions.dtype} of shape {list(actions.shape)}."
        )


def require_available(actions: Integers, available: Bools, over: Bools, refuse: Refuse) -> None:
    """Check the actions of running episodes against the agents' masks.

    actions: [agents, episodes]; available: [agents, episodes, n_actions]; over: [episodes], the episodes without a
    check.
    """
    known = (actions >= 0) & (actions < available.shape[2])
    allowed = known & np.take_along_axis(available, np.where(known, actions, 0)[..., None], 2)[..., 0]
    wrong = np.argwhere(~(allowed | over))
    if len(wrong):
        agent, episode = (int(index) for index in wrong[0])
        refuse(agent, episode, int(actions[agent, episode]), available[agent, episode])


def refuse_number(agent: int, episode: int, action: int, available: Bools) -> None:
    """Raise UnavailableActionError for an agent's action in an episode of a world whose actions have no names.

    available: [n_actions], the agent's mask; the error lists its actions.
    """
    known = 0 <= action < len(available)
    unknown = "" if known else f", which is not a valid action (actions are 0 to {len(available) - 1}),"
    allowed = ", ".join(map(str, np.flatnonzero(available)))
    raise UnavailableActionError(
        f"Agent {agent} cannot take action {action}{unknown} in episode {episode}. Available: {allowed}."
    )


def refuse(
    agent: int,
    number: int,
    action: int,
    available: Bools,
    names: Sequence[str] = ACTION_NAMES,
    episode: str = "battle",
) -> None:
    """Raise UnavailableActionError for an agent's action in episode `number` of the batch.

    available: [n_actions], the agent's mask; the error lists its actions. names: of the world's actions, in a battle
    of those before the attacks. episode: the world's word for one.
    """
    n_actions = len(available)
    allowed = ", ".join(f"{a} ({action_name(int(a), n_actions, names)})" for a in np.flatnonzero(available))
    raise UnavailableActionError(
        f"Agent {agent} cannot take action {action} ({action_name(action, n_actions, names)}) in {episode} {number}. "
        f"Available: {allowed}."
    )


def action_name(action: int, n_actions: int, names: Sequence[str] = ACTION_NAMES) -> str:
    """Return the name of an action, or the valid range for a number outside it."""
    if 0 <= action < len(names):
        return names[action]
    if 0 <= action < n_actions:
        return f"attack enemy {action - len(names)}"
    return f"not a valid action: actions are 0 to {n_actions - 1}"
