"""The World of env=predator_prey: a batch of episodes of predator-prey."""

from __future__ import annotations

from typing import Any

import numpy as np

from fedqmix.envs.kernel_world import BatchArrays, KernelWorld
from fedqmix.envs.predator_prey.arrays import Grids, Rules, Views
from fedqmix.envs.predator_prey.layout import spec_of
from fedqmix.envs.predator_prey.options import PredatorPreyOptions
from fedqmix.envs.predator_prey.rules import play
from fedqmix.envs.predator_prey.scene import agents_of, moment_of, scene_of
from fedqmix.runtime.core.scenes import Scene, SceneMoment
from fedqmix.runtime.core.world import TeamSink, UnitRecord


class PredatorPreyWorld(KernelWorld):
    """A World of the task's episodes.

    An episode terminates when no prey or no hunting agent is left; otherwise it is truncated at the limit. None is won.
    """

    action_names = ("stay", "right", "down", "left", "up", "catch")

    def __init__(self, name: str, seed: int, options: PredatorPreyOptions, sink: TeamSink, threads: int = 1) -> None:
        """Build the world. name: the task's; other arguments as for envs.make_world.

        Raises ConfigurationError as `spec_of`.
        """
        super().__init__(play, spec_of(name, options), seed, sink, threads)
        self._options, self._rules = options, make_rules(options)

    @property
    def game(self) -> str:
        """The world's name; its version is the package's."""
        return "predator-prey"

    def snapshot(self, episode: int) -> list[UnitRecord]:
        """List the agents of one episode of the current batch. Raises WorldError when there is no such episode."""
        self._check_shown(episode)
        return agents_of(self._options.side, self._grids, episode, self._batch.actions[:, episode])

    def scene(self, episode: int) -> Scene:
        """Return what stays the same in one episode. Raises as `snapshot`."""
        self._check_shown(episode)
        return scene_of(self._options, self.action_names)

    def scene_moment(self, episode: int) -> SceneMoment:
        """Return where the prey of one episode are. Raises as `snapshot`."""
        self._check_shown(episode)
        return moment_of(self._options, self._grids, episode)

    def _arguments(self, batch: BatchArrays) -> tuple[Any, ...]:
        self._grids = make_grids(batch, self._options)
        return self._rules, self._grids, batch.actions, views_of(batch)


def make_rules(options: PredatorPreyOptions) -> Rules:
    """Return the rules as the kernel reads them."""
    return Rules(options.sight, options.catchers, float(options.punishment), options.episode_limit)


def make_grids(batch: BatchArrays, options: PredatorPreyOptions) -> Grids:
    """Return the arrays of a batch of episodes, all zeros but the batch's keys."""
    agents, episodes = batch.actions.shape
    return Grids(
        keys=batch.keys,
        streams=np.zeros(episodes, np.uint64),
        steps=np.zeros(episodes, np.int64),
        cells=np.zeros((episodes, options.side, options.side), np.int64),
        agents=np.zeros((episodes, agents, 2), np.int64),
        hunting=np.zeros((episodes, agents), np.bool_),
        prey=np.zeros((episodes, options.prey, 2), np.int64),
        alive=np.zeros((episodes, options.prey), np.bool_),
        order=np.zeros((episodes, max(agents, options.prey)), np.int64),
    )


def views_of(batch: BatchArrays) -> Views:
    """Return the arrays of a batch's time steps."""
    time_step, team = batch.time_step, batch.team
    return Views(
        observations=time_step.observations,
        available=time_step.available_actions,
        individual_rewards=time_step.individual_rewards,
        terminated=time_step.terminated,
        truncated=time_step.truncated,
        state=team.state,
        team_reward=team.team_reward,
    )
