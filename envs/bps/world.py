"""The World of env=bps: a batch of episodes of blind-particle spread."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fedqmix.envs.actions import refuse, require_available, require_shape
from fedqmix.envs.bps.layout import N_ACTIONS, observation_order, spec_of
from fedqmix.envs.bps.options import BpsOptions
from fedqmix.envs.bps.rules import NOTHING, OPENING, STEPPING, Particles, Rules, Views, play
from fedqmix.envs.bps.tasks import find_task
from fedqmix.envs.time_steps import allocate
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.seeds import key
from fedqmix.runtime.core.world import EpisodeBatch, Integers, TeamSink, TeamSpec, TeamTimeStep, TimeStep
from fedqmix.runtime.kernels.compile import machine_code
from fedqmix.runtime.kernels.spinning import SpinningThreads, WorkQueue

ACTION_NAMES = ("nothing", "left", "right", "down", "up")
FEWEST = 16  # episodes per thread; with fewer a second thread costs more than it saves


class BpsWorld:
    """A World of one task's episodes, which all last as long as the episode limit.

    Episodes are truncated at the limit; none terminates, and none is won. Every purpose draws its own starts.
    """

    def __init__(self, name: str, seed: int, options: BpsOptions, sink: TeamSink, threads: int = 1) -> None:
        """Build the world. name: the task's; other arguments as for envs.make_world.

        Raises ConfigurationError for an unknown task, and for settings that do not fit it.
        """
        self._seed, self._sink = seed, sink
        self._spec = spec_of(name, options)
        self._rules = make_rules(name, options)
        self._threads = SpinningThreads(threads - 1)
        self._code: Any = None  # compiled or loaded when the first batch begins
        self._closed = False
        self._allocate(0)

    @property
    def spec(self) -> TeamSpec:
        """The sizes of everything this world returns."""
        return self._spec

    @property
    def game(self) -> str:
        """The world's name; its version is the package's."""
        return "blind-particle spread"

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        """Begin a batch of episodes, which replaces the last one; return the first TimeStep.

        Raises WorldError when the batch is empty or the world is closed.
        """
        self._check_open()
        if batch.count < 1:
            raise WorldError(f"A batch needs at least one episode; asked for {batch.count}.")
        if batch.count != self._count:
            self._allocate(batch.count)
            self._bind()
        for e in range(batch.count):
            self._particles.keys[e] = key(self._seed, batch.purpose.value, batch.first + e)
        self._steps = 0
        self._time_step.available_actions[:] = True
        self._time_step.truncated[:] = False
        self._threads.share(self._queue, self._work, OPENING)
        self._sink.begin(batch, self._team)
        return self._time_step

    def step(self, actions: Integers) -> TimeStep:
        """Take one environment step in every episode.

        actions: [agents, episodes] int64. Right after the truncation any action is accepted, later only action 0.
        Raises UnavailableActionError, before any agent moves, for an action that does not exist or is unavailable.
        Raises WorldError when the shape or type is wrong or no batch was begun.
        """
        self._check_open()
        self._check(actions)
        time_step = self._time_step
        if self._over:
            time_step.individual_rewards[:] = 0.0
            self._team.team_reward[:] = 0.0
            time_step.available_actions[..., NOTHING + 1 :] = False
        else:
            self._actions[:] = actions
            self._threads.share(self._queue, self._work, STEPPING)
            self._steps += 1
            time_step.truncated[:] = self._over
        self._sink.record(self._team)
        return time_step

    def close(self) -> None:
        """Release the threads. A closed world cannot be used again."""
        self._closed = True
        self._threads.close()

    @property
    def _over(self) -> bool:
        return self._steps >= self._spec.episode_limit

    def _allocate(self, count: int) -> None:
        """Make the arrays of a batch; a helper thread may still read those of the last one."""
        spec, groups = self._spec, len(self._rules.places)
        self._count, self._steps = count, 0
        self._particles: Particles = Particles(
            keys=np.zeros(count, np.uint64),
            positions=np.zeros((count, spec.n_agents, 2)),
            velocities=np.zeros((count, spec.n_agents, 2)),
            landmarks=np.zeros((count, groups, 2)),
        )
        self._actions = np.zeros((spec.n_agents, count), np.int64)
        self._queue: WorkQueue = self._threads.work_queue(count, FEWEST)
        time_step, team = allocate(spec, count)
        self._time_step: TimeStep = time_step
        self._team: TeamTimeStep = team
        self._views = Views(time_step.observations, team.state, time_step.individual_rewards, team.team_reward)

    def _bind(self) -> None:
        """Bind the kernel's machine code to this batch's arrays."""
        arguments = (self._rules, self._particles, self._actions, self._views, self._queue)
        if self._code is None:
            self._code = machine_code(play, *arguments, 0)
        self._work: Any = partial(self._code, *arguments)

    def _check(self, actions: Integers) -> None:
        require_shape(actions, self._spec.n_agents, self._count, "episode")
        available = self._time_step.available_actions  # all actions, or action 0 alone
        allowed = N_ACTIONS if available[0, 0, -1] else 1
        if actions.min() < 0 or actions.max() >= allowed:
            nowhere = np.zeros(self._count, np.bool_)
            require_available(actions, available, nowhere, partial(refuse, names=ACTION_NAMES, episode="episode"))

    def _check_open(self) -> None:
        if self._closed:
            raise WorldError("This world is closed; make a new one.")


def make_rules(name: str, options: BpsOptions) -> Rules:
    """Return a task's rules as the kernel reads them. Raises ConfigurationError as `find_task`."""
    task = find_task(name, options)
    return Rules(
        groups=np.array(task.groups, np.int64),
        places=np.argsort(observation_order(task), axis=1),
        cooperative=bool(options.cooperative),
        obs_instead_of_state=bool(options.obs_instead_of_state),
    )
