"""Hand-written policies of the multi-robot warehouse, between which the returns of learners lie.

random    any action with equal probability
carrier   fetch the nearest requested shelf that no agent of a lower number fetches, bring it to the nearest goal, put
          it into the nearest empty home (carrying.py)

A carrier reads the state, which has all requests; observations have those nearby. Of its actions a share of EXPLORE is
random, so that agents which block each other do not do so for ever.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.rware.arrays import make_rules
from fedqmix.envs.rware.carrying import Floor, steer
from fedqmix.envs.rware.options import RwareOptions
from fedqmix.envs.rware.tasks import Task
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.seeds import key
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Integers

POLICIES = ("random", "carrier")
EXPLORE = 0.05
"""The chance that a carrier takes a random action."""


class WarehouseTeam:
    """A team that plays one policy. What it does in an episode depends on the seed and the episode alone."""

    def __init__(self, policy: str, task: Task, options: RwareOptions, seed: int, explore: float = EXPLORE) -> None:
        """Set up the team.

        policy: one of POLICIES. options: of the world. seed: of random actions. explore: of a carrier, see EXPLORE.
        Raises ConfigurationError for options without the short state.
        """
        if options.obs_instead_of_state:
            raise ConfigurationError(
                "The hand-written teams of env=rware read the short state: write env.obs_instead_of_state=false."
            )
        self._rules = make_rules(task, options, seed)
        self._requests = task.requests
        self._role, self._seed = f"rware policy {policy}", seed
        self._explore = 1.0 if policy == "random" else explore
        self._draws = np.zeros((0, task.agents), np.uint64)
        cells = len(self._rules.inside)
        self._floor = Floor(
            agents=np.zeros(task.agents, np.int64),
            carrying=np.zeros(task.agents, np.bool_),
            directions=np.zeros(task.agents, np.int64),
            agent_at=np.zeros(cells, np.bool_),
            standing=np.zeros(cells, np.bool_),
            requested=np.zeros(cells, np.int64),
            claimed=np.zeros(cells, np.bool_),
            before=np.zeros(cells, np.int64),
            line=np.zeros(cells, np.int64),
        )

    def begin(self, batch: EpisodeBatch) -> None:
        """Begin a batch of episodes."""
        role, agents = f"{self._role} {batch.purpose.value}", self._draws.shape[1]
        numbers = range(batch.first, batch.first + batch.count)
        keys = [[key(self._seed, role, number, agent) for agent in range(agents)] for number in numbers]
        self._draws = np.array(keys, np.uint64)

    def choose(self, state: Floats) -> Integers:
        """Choose the actions, [agents, episodes]. state: [episodes, state_dim], the short one."""
        actions = np.zeros(self._draws.shape[::-1], np.int64)
        steer(self._rules, self._floor, state, self._requests, self._draws, self._explore, actions)
        return actions
