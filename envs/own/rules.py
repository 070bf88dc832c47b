"""The interface of a user's own world: the rules of a batch of episodes, in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fedqmix.runtime.core.spaces import Entities, Flat
from fedqmix.runtime.core.world import Integers, TeamSpec

__all__ = ["Entities", "Flat", "Outcome", "Rules", "TeamSpec"]


class Outcome(NamedTuple):
    """Everything after an environment step of every episode, or at the beginning.

    Numbers may have any type that converts to the one given here; a single number stands for all.
    """

    observations: Any  # [agents, episodes, obs_dim] float32
    state: Any  # [episodes, state_dim] float32
    available_actions: Any = True  # [agents, episodes, n_actions] bool, at least one True in every row
    team_reward: Any = 0  # [episodes] float32, of this environment step
    individual_rewards: Any = 0  # [agents, episodes] float32, likewise
    terminated: Any = False  # [episodes] bool, ended by the rules; the episode limit is not the rules' business
    won: Any = False  # [episodes] bool, in episodes that terminate
    exists: Any = True  # [agents, episodes] bool; only that of the beginning is read


class Rules(Protocol):
    """The rules of a world. `env.code` names a class, or a function, that is called without arguments and returns them.

    An object plays one batch at a time. What it returns for episodes that have ended is ignored.
    """

    @property
    def spec(self) -> TeamSpec:
        """The sizes; map and side_by_side are not read."""

    def begin(self, episodes: Sequence[np.random.Generator]) -> Outcome:
        """Begin a batch of episodes, which replaces the last one.

        episodes: a random generator for each. An episode that draws from its own alone is the same at any batch size.
        """

    def step(self, actions: Integers) -> Outcome:
        """Take one environment step in every episode.

        actions: [agents, episodes] int64, available ones; 0 for agents that do not exist, and in ended episodes.
        """
