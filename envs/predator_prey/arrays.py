"""What the compiled code of predator-prey reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core.world import Bools, Floats, Integers

ROW, COLUMN = range(2)
"""The entries of a place."""
EMPTY, AGENT, PREY = range(3)
"""What a cell holds. An agent that has caught a prey is no longer in the grid."""
STAY, RIGHT, DOWN, LEFT, UP, CATCH = range(6)
"""The actions. Those of the published code are the same with `stay` as 4 and the moves before it."""
CAPTURE = 10.0
"""The team reward for a captured prey."""


class Rules(NamedTuple):
    """The task as the compiled code reads it."""

    sight: int
    catchers: int
    punishment: float
    episode_limit: int


class Grids(NamedTuple):
    """All episodes of a batch."""

    keys: NDArray[np.uint64]  # [episodes], fix every draw
    streams: NDArray[np.uint64]  # [episodes], the state of the stream of moves
    steps: Integers  # [episodes], environment steps taken
    cells: Integers  # [episodes, side, side], EMPTY, AGENT or PREY
    agents: Integers  # [episodes, agents, 2], ROW, COLUMN
    hunting: Bools  # [episodes, agents], whether an agent has not caught a prey yet
    prey: Integers  # [episodes, prey, 2]
    alive: Bools  # [episodes, prey]
    order: Integers  # [episodes, the larger of agents and prey], scratch: the order of moves


class Views(NamedTuple):
    """The arrays of a TimeStep and a TeamTimeStep, into which the kernel writes."""

    observations: Floats  # [agents, episodes, obs_dim]
    available: Bools  # [agents, episodes, n_actions]
    individual_rewards: Floats  # [agents, episodes]
    terminated: Bools  # [episodes]
    truncated: Bools  # [episodes]
    state: Floats  # [episodes, state_dim]
    team_reward: Floats  # [episodes]
