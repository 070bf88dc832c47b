"""The World of env=bps: a batch of episodes of blind-particle spread."""

from __future__ import annotations

from typing import Any

import numpy as np

from fedqmix.envs.bps.layout import observation_order, spec_of
from fedqmix.envs.bps.options import BpsOptions
from fedqmix.envs.bps.rules import Particles, Rules, Views, play
from fedqmix.envs.bps.scene import agents_of, moment_of, scene_of
from fedqmix.envs.bps.tasks import find_task
from fedqmix.envs.kernel_world import BatchArrays, FixedLengthWorld
from fedqmix.runtime.core.scenes import Scene, SceneMoment
from fedqmix.runtime.core.world import TeamSink, UnitRecord


class BpsWorld(FixedLengthWorld):
    """A World of one task's episodes, which all last as long as the episode limit.

    Episodes are truncated at the limit; none terminates, and none is won. Every purpose draws its own starts.
    """

    action_names = ("nothing", "left", "right", "down", "up")

    def __init__(self, name: str, seed: int, options: BpsOptions, sink: TeamSink, threads: int = 1) -> None:
        """Build the world. name: the task's; other arguments as for envs.make_world.

        Raises ConfigurationError for an unknown task, and for settings that do not fit it.
        """
        super().__init__(play, spec_of(name, options), seed, sink, threads)
        self._rules = make_rules(name, options)
        self._groups = self._rules.groups.tolist()

    @property
    def game(self) -> str:
        """The world's name; its version is the package's."""
        return "blind-particle spread"

    def snapshot(self, episode: int) -> list[UnitRecord]:
        """List the agents of one episode of the current batch. Raises WorldError when there is no such episode."""
        self._check_shown(episode)
        return agents_of(self._groups, self._particles.positions[episode], self._batch.actions[:, episode])

    def scene(self, episode: int) -> Scene:
        """Return what stays the same in one episode. Raises as `snapshot`."""
        self._check_shown(episode)
        return scene_of(self._groups, len(self._rules.places), self.action_names)

    def scene_moment(self, episode: int) -> SceneMoment:
        """Return where the landmarks of one episode are. Raises as `snapshot`."""
        self._check_shown(episode)
        return moment_of(self._particles.landmarks[episode], self._spec.n_agents)

    def _arguments(self, batch: BatchArrays) -> tuple[Any, ...]:
        agents, episodes = batch.actions.shape
        self._particles = Particles(
            keys=batch.keys,
            positions=np.zeros((episodes, agents, 2)),
            velocities=np.zeros((episodes, agents, 2)),
            landmarks=np.zeros((episodes, len(self._rules.places), 2)),
        )
        time_step, team = batch.time_step, batch.team
        views = Views(time_step.observations, team.state, time_step.individual_rewards, team.team_reward)
        return self._rules, self._particles, batch.actions, views


def make_rules(name: str, options: BpsOptions) -> Rules:
    """Return a task's rules as the kernel reads them. Raises ConfigurationError as `find_task`."""
    task = find_task(name, options)
    return Rules(
        groups=np.array(task.groups, np.int64),
        places=np.argsort(observation_order(task), axis=1),
        cooperative=bool(options.cooperative),
        obs_instead_of_state=bool(options.obs_instead_of_state),
    )
