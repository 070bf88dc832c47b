"""A small World for tests of everything that is not the rules of a game: agents guess, die and run out of time.

Each moment every living agent sees which action is the goal; taking it earns a point. Enough points win the episode;
it is lost when all agents are dead, and cut off at the limit. Every draw depends on (seed, purpose, episode) alone.
"""

from __future__ import annotations

import numpy as np

from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.entities import ZERO, EntityTable
from fedqmix.runtime.core.errors import UnavailableActionError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import EpisodeBatch, Integers, TeamSink, TeamSpec, TeamTimeStep, TimeStep, UnitRecord

SECRET = np.float32(0.7390851)
"""In every living agent's observation, so that a test can look for its bytes where they must not be."""
NO_OP = 0


def toy_spec(n_agents: int = 3, n_actions: int = 5, limit: int = 7) -> TeamSpec:
    """Sizes that ToyWorld can play; an observation is a one-hot goal, the time, a draw, SECRET.

    Its entities are the agents and the goal, which each agent sees beside itself.
    """
    width, goal = n_actions + 3, n_agents
    own, seen_goal = tuple(range(width)), (*range(n_actions), ZERO, ZERO, ZERO)
    observed = EntityTable((own, seen_goal), own=(0,), numbers=tuple((agent, goal) for agent in range(n_agents)))
    agents = tuple((agent, ZERO) for agent in range(n_agents))
    rows = (*agents, (goal, goal + 1))
    state = EntityTable(rows, own=tuple(range(n_agents)), numbers=(tuple(range(len(rows))),))
    spaces = Flat(width, entities=observed), Flat(n_agents + 2, entities=state)
    return TeamSpec("toy", n_agents, n_actions, *spaces, limit)


class ToyWorld:
    """See the module. Fits runtime.core.world.World; the arrays of its turns are written over at every step.

    varies: whether the size of the team is drawn for every episode.
    """

    own_scale = np.float32(1)
    """A factor of the individual rewards that the team's reward does not have."""

    def __init__(self, spec: TeamSpec, seed: int, sink: TeamSink, varies: bool = False) -> None:
        self._spec, self._seed, self._sink, self._varies = spec, seed, sink, varies

    @property
    def spec(self) -> TeamSpec:
        return self._spec

    @property
    def game(self) -> str:
        return "a toy"

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        spec, count, self._batch = self._spec, batch.count, batch
        moments = spec.episode_limit + 1
        self._goals = np.zeros((moments, spec.n_agents, count), np.int64)
        self._open = np.zeros((moments, spec.n_agents, count, spec.n_actions), np.bool_)
        self._noise = np.zeros((moments, spec.n_agents, count), np.float32)
        self._lives = np.zeros((spec.n_agents, count), np.int64)
        self._needed = np.zeros(count, np.int64)
        exists = np.ones((spec.n_agents, count), np.bool_)
        for b in range(count):
            random = seeds.generator(self._seed, f"toy.{batch.purpose}", batch.first + b)
            self._goals[:, :, b] = random.integers(1, spec.n_actions, (moments, spec.n_agents))
            self._open[:, :, b] = random.random((moments, spec.n_agents, spec.n_actions)) < 0.6
            self._noise[:, :, b] = random.standard_normal((moments, spec.n_agents))
            self._lives[:, b] = random.integers(1, 3 * spec.episode_limit, spec.n_agents)
            self._needed[b] = random.integers(1, 4 * spec.n_agents)
            if self._varies:
                exists[random.integers(1, spec.n_agents + 1) :, b] = False
        self._lives[~exists] = 0
        self._time = 0
        self._points = np.zeros(count, np.int64)
        flags = [np.zeros(count, np.bool_) for _ in range(4)]
        self._turn = TimeStep(
            np.zeros((spec.n_agents, count, spec.obs_dim), np.float32),
            np.zeros((spec.n_agents, count, spec.n_actions), np.bool_),
            np.zeros((spec.n_agents, count), np.float32),
            *flags,
            exists,
        )
        state, team_reward = np.zeros((count, spec.state_dim), np.float32), np.zeros(count, np.float32)
        self._team = TeamTimeStep(state, team_reward, *flags, exists)
        self._break_down(batch)
        self._write(np.zeros(count, np.bool_))
        self._sink.begin(batch, self._team)
        return self._turn

    def step(self, actions: Integers) -> TimeStep:
        time_step = self._turn
        over = time_step.terminated | time_step.truncated
        allowed = np.take_along_axis(time_step.available_actions, actions[..., None], 2)[..., 0]
        if not allowed.all():
            agent, episode = (int(i) for i in np.argwhere(~allowed)[0])
            raise UnavailableActionError(f"agent {agent} in battle {episode} cannot take {actions[agent, episode]}")
        hits = (actions == self._goals[self._time]) & self._alive() & ~over
        self._time += 1
        time_step.individual_rewards[:] = hits * (1 + 0.25 * np.arange(len(hits))[:, None])
        self._team.team_reward[:] = time_step.individual_rewards.sum(0)
        time_step.individual_rewards[:] *= self.own_scale
        self._points += hits.sum(0)
        time_step.won[:] |= ~over & (self._points >= self._needed)
        time_step.terminated[:] |= ~over & (time_step.won | ~self._alive().any(0))
        time_step.truncated[:] |= ~over & ~time_step.terminated & (self._time >= self._spec.episode_limit)
        self._break_down(self._batch)
        self._write(over)
        self._sink.record(self._team)
        return time_step

    def snapshot(self, episode: int) -> list[UnitRecord]:
        alive = self._alive()[:, episode]
        return [
            UnitRecord("ally", a, "toy", 0.0, 0.0, float(alive[a]), 0.0, 0.0, 0, 1.0, 0.0, 0.4, -1)
            for a in range(len(alive))
        ]

    def close(self) -> None:
        pass

    def _break_down(self, batch: EpisodeBatch) -> None:
        """Toy games never break down; a test's own may."""

    def _alive(self) -> np.ndarray:
        return self._lives > self._time

    def _write(self, over_before: np.ndarray) -> None:
        """Write what is seen now; an episode cut off just now still shows which actions would be open."""
        time_step, spec, alive = self._turn, self._spec, self._alive()
        observations, available = time_step.observations, time_step.available_actions
        observations[:] = 0
        observations[..., : spec.n_actions] = np.eye(spec.n_actions)[self._goals[self._time]]
        observations[..., spec.n_actions] = self._time / spec.episode_limit
        observations[..., spec.n_actions + 1] = self._noise[self._time]
        observations[..., spec.n_actions + 2] = SECRET
        observations[~alive] = 0
        available[:] = self._open[self._time]
        np.put_along_axis(available, self._goals[self._time][..., None], True, 2)
        available[..., NO_OP] = False
        only_no_op = ~alive | time_step.terminated | over_before
        available[only_no_op] = np.arange(spec.n_actions) == NO_OP
        self._team.state[:, : spec.n_agents] = alive.T
        self._team.state[:, spec.n_agents] = self._time / spec.episode_limit
        self._team.state[:, spec.n_agents + 1] = self._points / self._needed
