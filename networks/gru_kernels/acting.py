"""Acting: every agent's Q-values and action in every episode, by one kernel."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fedqmix.networks.gru_kernels.arrays import Network
from fedqmix.networks.gru_kernels.compile import inner, kernel
from fedqmix.networks.gru_kernels.forward import ROWS, best_of, passing_moment
from fedqmix.runtime.core.world import Bools, Integers
from fedqmix.runtime.kernels.compile import Numbers
from fedqmix.runtime.kernels.product import copy


class Memory(NamedTuple):
    """The state of the agents between two moments of their episodes."""

    hidden: Numbers  # [agents, episodes, width]
    last_actions: Integers  # [agents, episodes], -1 before the first


class ExplorationDraws(NamedTuple):
    """The exploration draws of one moment, uniform in [0, 1): [agents, episodes] each."""

    explore_draws: Any  # explore if below epsilon
    action_draws: Any  # selects among the available actions


class Choices(NamedTuple):
    """The Q-values and actions of one moment."""

    q: Numbers  # [agents, episodes, n_actions]
    actions: Integers  # [agents, episodes]
    explored: Bools  # [agents, episodes], drawn instead of greedy


@kernel
def act(
    network: Network,
    first: int,
    last: int,
    observations: Numbers,
    available: Bools,
    memory: Memory,
    epsilon: float,
    draws: ExplorationDraws,
    choices: Choices,
) -> None:
    """Select the actions of agents first .. last - 1.

    observations: [agents, episodes, obs_dim]. available: [agents, episodes, n_actions].
    Advances memory and fills choices.
    """
    episodes = available.shape[1]
    width, columns = network.head.shape[1:]
    dtype = network.head.dtype
    workspace, products = np.empty((6, ROWS, width), dtype), np.empty((4, ROWS, width), dtype)
    q = np.empty((ROWS, columns), dtype)
    for agent in range(first, last):
        for begin in range(0, episodes, ROWS):
            end = min(begin + ROWS, episodes)
            rows = end - begin
            passing_moment(
                network,
                agent,
                observations[agent, begin:end],
                memory.last_actions[agent, begin:end],
                memory.hidden[agent, begin:end],
                workspace,
                products,
                q[:rows],
            )
            copy(q[:rows], choices.q[agent, begin:end])
        for episode in range(episodes):
            allowed = available[agent, episode]
            drawn = draws.explore_draws[agent, episode] < epsilon
            action = (
                nth_available(allowed, draws.action_draws[agent, episode])
                if drawn
                else best_of(choices.q[agent, episode], allowed)
            )
            choices.actions[agent, episode] = memory.last_actions[agent, episode] = action
            choices.explored[agent, episode] = drawn


@inner
def nth_available(available: Bools, draw: float) -> int:
    """Select one available action uniformly. draw: uniform in [0, 1)."""
    missing = int(draw * available.sum())
    for action in range(available.shape[0]):
        if available[action]:
            if missing == 0:
                return action
            missing -= 1
    return 0
