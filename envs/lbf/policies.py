"""Hand-written policies of level-based foraging, beside which the returns of learners stand.

random   any action with equal probability
nearest  go to the nearest food that the player sees and load it, whatever its level; a random action where it sees
         none, and in one of ten environment steps, so that players that block each other come apart
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.lbf.cells import EAST, LOAD, NORTH, SOUTH, WEST
from fedqmix.envs.lbf.layout import N_ACTIONS
from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Integers

EXPLORE = {"random": 1.0, "nearest": 0.1}
"""The policies by name, with their share of random actions."""

FAR = 1e6  # a distance beyond those of all foods


class ForagingTeam:
    """A team that plays one policy. What it does in an episode depends on the seed and the episode alone."""

    def __init__(self, policy: str, foods: int, seed: int) -> None:
        """policy: one of EXPLORE. foods: the task's. seed: of random actions."""
        self._policy, self._foods, self._seed = policy, foods, seed
        self._draws: list[np.random.Generator] = []

    def begin(self, batch: EpisodeBatch) -> None:
        """Begin a batch of episodes."""
        role = f"lbf policy {self._policy} {batch.purpose.value}"
        self._draws = [generator(self._seed, role, batch.first + e) for e in range(batch.count)]

    def choose(self, observations: Floats) -> Integers:
        """Choose the actions, [agents, episodes]. observations: [agents, episodes, obs_dim]."""
        drawn = np.stack([draws.random((2, len(observations))) for draws in self._draws], axis=2)
        actions = to_nearest(observations, self._foods)
        at_random = (drawn[0] < EXPLORE[self._policy]) | (actions == 0)
        chosen: Integers = np.where(at_random, (drawn[1] * N_ACTIONS).astype(np.int64), actions)
        return chosen


def to_nearest(observations: Floats, foods: int) -> Integers:
    """Return the action that leads to the nearest food or loads it, 0 where no food is seen: [agents, episodes].

    Players go along the longer way first; of equally near foods they choose the first of their observation.
    observations: [agents, episodes, obs_dim].
    """
    seen = observations[..., : 3 * foods].reshape(*observations.shape[:2], foods, 3)
    own = observations[..., None, 3 * foods : 3 * foods + 2]
    ways = seen[..., :2] - own
    distances = np.where(seen[..., 2] > 0, np.abs(ways).sum(-1), FAR)
    nearest = distances.argmin(-1)[..., None]
    distance = np.take_along_axis(distances, nearest, 2)[..., 0]
    down, right = np.moveaxis(np.take_along_axis(ways, nearest[..., None], 2)[..., 0, :], -1, 0)
    along_columns = np.where(down < 0, NORTH, SOUTH)
    along_rows = np.where(right < 0, WEST, EAST)
    move = np.where(np.abs(down) >= np.abs(right), along_columns, along_rows)
    actions: Integers = np.select([distance == FAR, distance == 1], [0, LOAD], move).astype(np.int64)
    return actions
