"""A World in which each agent's own reward asks for another action than the team's reward.

Every agent takes two actions. The first earns nothing. The second earns agent i PAY[i][action], and the team TEAM_PAY
when every agent took action 1, which pays each agent less than action 2.
"""

from __future__ import annotations

import numpy as np

from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import EpisodeBatch, Integers, TeamSink, TeamSpec, TeamTimeStep, TimeStep

SPEC = TeamSpec("pay", n_agents=2, n_actions=3, observation=Flat(2), state=Flat(2), episode_limit=2)
PAY = np.array([[0.0, 1.0, 3.0], [0.0, -2.0, 0.5]], np.float32)  # [agents, actions]; action 0 is the no-op
TEAM_PAY = 8.0


class PayWorld:
    """See the module. The observation and the state are the one-hot time."""

    game = "pay"

    def __init__(self, sink: TeamSink) -> None:
        self.spec, self._sink = SPEC, sink

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        self._time, self._count = 0, batch.count
        self._sink.begin(batch, self._team(np.zeros(batch.count, np.float32)))
        return self._seen(np.zeros((2, batch.count), np.float32))

    def step(self, actions: Integers) -> TimeStep:
        self._time += 1
        paid = self._time == 2
        own = np.take_along_axis(PAY, actions, 1) * paid
        team = np.where((actions == 1).all(0), TEAM_PAY, 0).astype(np.float32) * paid
        self._sink.record(self._team(team.astype(np.float32)))
        return self._seen(own.astype(np.float32))

    def close(self) -> None:
        pass

    def _flags(self) -> tuple[np.ndarray, ...]:
        """Terminated with the second action; nothing is truncated, won or broken."""
        never = np.zeros(self._count, np.bool_)
        return np.full(self._count, self._time == 2), never, never, never, np.ones((2, self._count), np.bool_)

    def _seen(self, own: np.ndarray) -> TimeStep:
        available = np.zeros((2, self._count, 3), np.bool_)
        available[..., 1:] = self._time < 2
        available[..., 0] = self._time == 2
        observations = np.zeros((2, self._count, 2), np.float32)
        observations[..., self._time % 2] = self._time < 2
        return TimeStep(observations, available, own, *self._flags())

    def _team(self, reward: np.ndarray) -> TeamTimeStep:
        state = np.zeros((self._count, 2), np.float32)
        state[:, self._time % 2] = self._time < 2
        return TeamTimeStep(state, reward, *self._flags())
