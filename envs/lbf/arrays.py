"""What the compiled code of level-based foraging reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core.world import Bools, Floats, Floats64, Integers

ROW, COLUMN, LEVEL = range(3)
"""The entries of a food and of a player. A food of level 0 is absent: eaten, or never placed."""


class Rules(NamedTuple):
    """A task as the compiled code reads it."""

    side: int
    sight: int
    coop: bool
    hardest: bool
    levels: Integers  # [agents], the fixed levels; 0: drawn
    max_player_level: int
    penalty: float
    observe_agent_levels: bool
    hide_agent_levels: bool  # the players' levels are 0 in observations that have a place for them
    mask: bool
    obs_instead_of_state: bool
    episode_limit: int


class Grids(NamedTuple):
    """All episodes of a batch."""

    keys: NDArray[np.uint64]  # [episodes], fix the starts
    steps: Integers  # [episodes], environment steps taken
    players: Integers  # [episodes, agents, 3], ROW, COLUMN, LEVEL
    foods: Integers  # [episodes, foods, 3], ROW, COLUMN, LEVEL, in the order of rows and then columns
    spawned: Integers  # [episodes], the sum of the foods' levels at the start
    wanted: Integers  # [episodes, agents, 2], scratch: the cell to which each player wants to go
    loads: Bools  # [episodes, agents], scratch: the players that load
    earned: Floats64  # [episodes, agents], scratch: the players' rewards before rounding


class Views(NamedTuple):
    """The arrays of a TimeStep and a TeamTimeStep, into which the kernel writes."""

    observations: Floats  # [agents, episodes, obs_dim]
    available: Bools  # [agents, episodes, n_actions]
    individual_rewards: Floats  # [agents, episodes]
    terminated: Bools  # [episodes]
    truncated: Bools  # [episodes]
    won: Bools  # [episodes]
    state: Floats  # [episodes, state_dim]
    team_reward: Floats  # [episodes]
