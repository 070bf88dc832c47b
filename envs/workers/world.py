"""A World of parallel episodes in worker processes, which are started again when they break down."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np

from fedqmix.envs.actions import Refuse, require_available, require_shape
from fedqmix.envs.time_steps import allocate
from fedqmix.envs.workers import messages as m
from fedqmix.envs.workers.process import BrokenWorkerError, Worker
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.world import (
    Bools,
    EpisodeBatch,
    Integers,
    Purpose,
    TeamSink,
    TeamSpec,
    TimeStep,
)

log = logging.getLogger(__name__)

NO_OP = 0
MOST_FAILURES = 3
"""The most episodes in a row per worker that may break down before the world raises WorldError."""


class WorkerWorld(ABC):
    """A World whose episodes are each played in a worker process; a suite's subclass starts the workers.

    A worker that breaks down or does not answer in time is started again with the next batch. Its episode is `broken`
    from that moment on.
    """

    player, episode, episodes = "game", "battle", "battles"
    """The suite's words for what a worker plays."""

    def __init__(self, spec: TeamSpec, workers: int, sink: TeamSink, refuse: Refuse) -> None:
        """Build the world; no worker starts yet.

        workers: most episodes in a batch. refuse: raises UnavailableActionError, as for envs.actions.require_available.
        """
        self._spec, self._sink, self._refuse = spec, sink, refuse
        self._workers: list[Worker | None] = [None] * workers
        self._most = workers
        self._started = 0
        self._failures = 0  # broken episodes since the last complete one
        self._closed = False
        self._no_op_alone: Bools = np.arange(spec.n_actions) == NO_OP
        self._batch = EpisodeBatch(Purpose.TRAINING, 0, 0)

    @abstractmethod
    def _start(self, number: int) -> Worker:
        """Start a worker. number: how many were started before."""

    def _opening(self, episode: int) -> m.Facts:
        """Return the facts of the request that begins an episode of the batch."""
        return {}

    @abstractmethod
    def _advice(self) -> str:
        """Return what a user may do when all workers break down."""

    def _ended(self, episode: int) -> None:  # noqa: B027  (most suites do nothing)
        """Do what the suite does at an episode's end: nothing."""

    @property
    def spec(self) -> TeamSpec:
        """The sizes of everything this world returns."""
        return self._spec

    @property
    def processes(self) -> list[int]:
        """Process ids of the running workers."""
        return [worker.pid for worker in self._workers if worker is not None]

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        """Begin a batch of episodes, which replaces the last one; return the first TimeStep.

        Raises WorldError unless the batch has 1 to env.games episodes, when too many episodes in a row break down, and
        when the world is closed.
        """
        self._check_open()
        if not 1 <= batch.count <= self._most:
            raise WorldError(f"A batch has 1 to env.games={self._most} {self.episodes}; asked for {batch.count}.")
        self._batch = batch
        self._time_step, self._team = allocate(self._spec, batch.count)
        everywhere = range(batch.count)
        for episode in everywhere:
            self._running(episode).ask(m.BEGIN, **self._opening(episode))
        self._collect(everywhere)
        self._sink.begin(batch, self._team)
        return self._time_step

    def step(self, actions: Integers) -> TimeStep:
        """Take one environment step in every episode.

        actions: [agents, episodes] int64; those of episodes that are over are ignored.
        Raises UnavailableActionError, before anything happens, when an action's mask is False.
        Raises WorldError as `begin` does, and when the shape or type is wrong.
        """
        self._check_open()
        require_shape(actions, self._spec.n_agents, self._batch.count, self.episode)
        time_step = self._time_step
        over = time_step.terminated | time_step.truncated
        require_available(actions, time_step.available_actions, over, self._refuse)
        time_step.individual_rewards[:], self._team.team_reward[:] = 0, 0
        time_step.available_actions[:, over] = self._no_op_alone
        not_terminated = np.flatnonzero(~over).tolist()
        for episode in not_terminated:
            if (worker := self._workers[episode]) is not None:
                worker.ask(m.STEP, {"actions": actions[:, episode]})
        self._collect(not_terminated)
        self._sink.record(self._team)
        return time_step

    def close(self) -> None:
        """End all workers. A closed world cannot be used again."""
        self._closed = True
        workers = [worker for worker in self._workers if worker is not None]
        for worker in workers:
            worker.dismiss()
        for worker in workers:
            worker.end()
        self._workers = []

    def _running(self, episode: int) -> Worker:
        """Return an episode's worker; start one if none is running."""
        worker = self._workers[episode]
        if worker is None:
            worker = self._workers[episode] = self._start(self._started)
            self._started += 1
        return worker

    def _collect(self, episodes: Iterable[int]) -> None:
        """Store the workers' replies for some episodes; mark an episode without a reply as broken."""
        for episode in episodes:
            try:
                sight = m.Sight.decode(*self._answer(episode))
                self._require_sizes(sight)
            except BrokenWorkerError as error:
                self._break_down(episode, error)
            else:
                self._store(episode, sight)

    def _require_sizes(self, sight: m.Sight) -> None:
        """Check a reply's sizes. Raises BrokenWorkerError for other ones than the settings have."""
        spec = self._spec
        for name, found, needed in (
            ("state", sight.state.shape, (spec.state_dim,)),
            ("observations", sight.observations.shape, (spec.n_agents, spec.obs_dim)),
            ("available actions", sight.available.shape, (spec.n_agents, spec.n_actions)),
        ):
            if found != needed:
                raise BrokenWorkerError(f"the shape of its {name} is {list(found)}; needed: {list(needed)}")

    def _store(self, episode: int, sight: m.Sight) -> None:
        time_step, team = self._time_step, self._team
        time_step.observations[:, episode], time_step.available_actions[:, episode] = (
            sight.observations,
            sight.available,
        )
        time_step.individual_rewards[:, episode] = sight.individual_rewards
        time_step.exists[:, episode] = True if sight.exists is None else sight.exists
        team.state[episode], team.team_reward[episode] = sight.state, sight.team_reward
        time_step.terminated[episode], time_step.truncated[episode] = sight.terminated, sight.truncated
        time_step.won[episode] = sight.won
        if sight.terminated:
            time_step.available_actions[:, episode] = self._no_op_alone
        if sight.terminated or sight.truncated:
            self._failures = 0
            self._ended(episode)

    def _break_down(self, episode: int, error: BrokenWorkerError) -> None:
        """Mark an episode as broken and release its worker.

        Raises WorldError when more than MOST_FAILURES episodes per worker break down in a row.
        """
        self._release(episode)
        self._failures += 1
        number = self._batch.first + episode
        log.warning("The %s of %s %s %d broke down: %s.", self.player, self._batch.purpose, self.episode, number, error)
        failures = self._failures
        if failures > MOST_FAILURES * self._most:
            self._failures = 0  # the caller may continue once the cause is repaired
            raise WorldError(
                f"{failures} {self.episodes} in a row broke down. The last {self.player}'s error: {error}. "
                f"{self._advice()}"
            )
        time_step = self._time_step
        time_step.available_actions[:, episode] = self._no_op_alone
        time_step.individual_rewards[:, episode] = self._team.team_reward[episode] = 0
        time_step.terminated[episode] = time_step.broken[episode] = True
        time_step.truncated[episode] = time_step.won[episode] = False

    def _answer(self, episode: int) -> tuple[m.Facts, m.Arrays]:
        worker = self._workers[episode]
        if worker is None:
            raise BrokenWorkerError("it is not running any more")
        return worker.answer()

    def _release(self, episode: int) -> None:
        worker, self._workers[episode] = self._workers[episode], None
        if worker is not None:
            worker.kill()

    def _check_open(self) -> None:
        if self._closed:
            raise WorldError("This world is closed; make a new one.")
