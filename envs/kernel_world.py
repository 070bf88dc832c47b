"""Worlds whose batch of episodes is begun and advanced by one compiled kernel.

KernelWorld       the kernel ends each episode by itself
FixedLengthWorld  all episodes last as long as the episode limit
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.actions import refuse, require_shape
from fedqmix.envs.time_steps import allocate
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.seeds import key
from fedqmix.runtime.core.world import EpisodeBatch, Integers, TeamSink, TeamSpec, TeamTimeStep, TimeStep
from fedqmix.runtime.kernels.compile import machine_code
from fedqmix.runtime.kernels.episodes import NOTHING, OPENING, STEPPING, first_forbidden
from fedqmix.runtime.kernels.spinning import SpinningThreads, WorkQueue


class BatchArrays(NamedTuple):
    """The arrays of a batch that every kernel reads or writes; they stay the same until the batch's size changes."""

    keys: NDArray[np.uint64]  # [episodes], fix every random draw of an episode
    actions: Integers  # [agents, episodes], in a step the actions to take
    time_step: TimeStep
    team: TeamTimeStep  # shares the episodes' flags with `time_step`


class KernelWorld(ABC):
    """A World of a batch of episodes that a compiled kernel advances in ranges.

    The kernel is called as kernel(*arguments, queue, seat) and shares the queue's episodes as in
    runtime.kernels.spinning. Under the message OPENING it begins each episode: it writes observations, masks, state,
    rewards of 0 and flags. Under STEPPING it advances the running episodes by one environment step; of the others it
    writes rewards of 0 and masks of action 0 alone. In the TimeStep that truncates an episode the masks stay as they
    were, so that a learner can bootstrap from them.
    """

    action_names: ClassVar[Sequence[str]]
    """The names of all actions, for errors."""
    fewest: ClassVar[int] = 16
    """The episodes per thread; with fewer, a second thread costs more than it saves."""

    def __init__(
        self, kernel: Callable[..., None], spec: TeamSpec, seed: int, sink: TeamSink, threads: int = 1
    ) -> None:
        """Build the world. spec: the sizes of its arrays; seed, sink, threads: as for envs.make_world."""
        self._kernel, self._spec, self._seed, self._sink = kernel, spec, seed, sink
        self._threads = SpinningThreads(threads - 1)
        self._code: Any = None  # compiled or loaded when the first batch begins
        self._closed = False
        self._count = 0

    @property
    def spec(self) -> TeamSpec:
        """The sizes of everything this world returns."""
        return self._spec

    @property
    @abstractmethod
    def game(self) -> str:
        """The world's name; its version is the package's."""

    @abstractmethod
    def _arguments(self, batch: BatchArrays) -> tuple[Any, ...]:
        """Return the kernel's arguments for a batch of a new size, but for the queue and the seat.

        Arrays that an episode changes must be new ones: a helper thread may still read those of the last batch.
        """

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        """Begin a batch of episodes, which replaces the last one; return the first TimeStep.

        Raises WorldError when the batch is empty or the world is closed.
        """
        self._check_open()
        if batch.count < 1:
            raise WorldError(f"A batch needs at least one episode; asked for {batch.count}.")
        if batch.count != self._count:
            self._allocate(batch.count)
        for e in range(batch.count):
            self._batch.keys[e] = key(self._seed, batch.purpose.value, batch.first + e)
        self._batch.actions[:] = NOTHING
        self._open()
        self._sink.begin(batch, self._batch.team)
        return self._batch.time_step

    def step(self, actions: Integers) -> TimeStep:
        """Take one environment step in every episode.

        actions: [agents, episodes] int64. Right after a truncation any action that the mask allows is accepted, later
        only action 0. Raises UnavailableActionError, before anything changes, when an action's mask is False.
        Raises WorldError when the shape or type is wrong or no batch was begun.
        """
        self._check_open()
        require_shape(actions, self._spec.n_agents, self._count, "episode")
        actions, time_step = np.ascontiguousarray(actions), self._batch.time_step
        available = time_step.available_actions
        agent, e = first_forbidden(actions, available, time_step.terminated, time_step.truncated)
        if agent >= 0:
            refuse(agent, e, int(actions[agent, e]), available[agent, e], self.action_names, "episode")
        self._batch.actions[:] = actions
        self._advance()
        self._sink.record(self._batch.team)
        return time_step

    def close(self) -> None:
        """Release the threads. A closed world cannot be used again."""
        self._closed = True
        self._threads.close()

    def _open(self) -> None:
        self._threads.share(self._queue, self._work, OPENING)

    def _advance(self) -> None:
        self._threads.share(self._queue, self._work, STEPPING)

    def _allocate(self, count: int) -> None:
        """Make the arrays of a batch and bind the kernel's machine code to them."""
        self._count = count
        actions = np.zeros((self._spec.n_agents, count), np.int64)
        self._batch = BatchArrays(np.zeros(count, np.uint64), actions, *allocate(self._spec, count))
        self._queue: WorkQueue = self._threads.work_queue(count, self.fewest)
        arguments = (*self._arguments(self._batch), self._queue)
        if self._code is None:
            self._code = machine_code(self._kernel, *arguments, 0)
        self._work: Any = partial(self._code, *arguments)

    def _check_shown(self, episode: int) -> None:
        """Check that an episode is one of the current batch. Raises WorldError."""
        self._check_open()
        if not 0 <= episode < self._count:
            raise WorldError(f"There is no episode {episode} in this batch of {self._count}.")

    def _check_open(self) -> None:
        if self._closed:
            raise WorldError("This world is closed; make a new one.")


class FixedLengthWorld(KernelWorld):
    """A KernelWorld whose episodes are all truncated at the episode limit, and in which all actions are available.

    The batch has one clock, so the kernel writes neither masks nor flags, and is not called after the limit.
    """

    _steps = 0

    def _open(self) -> None:
        self._steps = 0
        self._batch.time_step.available_actions[:] = True
        self._batch.time_step.truncated[:] = False
        super()._open()

    def _advance(self) -> None:
        time_step = self._batch.time_step
        if self._steps >= self._spec.episode_limit:
            time_step.individual_rewards[:] = 0.0
            self._batch.team.team_reward[:] = 0.0
            time_step.available_actions[..., NOTHING + 1 :] = False
            return
        super()._advance()
        self._steps += 1
        time_step.truncated[:] = self._steps >= self._spec.episode_limit
