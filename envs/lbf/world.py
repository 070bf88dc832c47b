"""The World of env=lbf: a batch of episodes of level-based foraging."""

from __future__ import annotations

from typing import Any

import numpy as np

from fedqmix.envs.kernel_world import BatchArrays, KernelWorld
from fedqmix.envs.lbf.arrays import Grids, Rules, Views
from fedqmix.envs.lbf.layout import spec_of
from fedqmix.envs.lbf.options import LbfOptions
from fedqmix.envs.lbf.rules import play
from fedqmix.envs.lbf.scene import agents_of, moment_of, scene_of
from fedqmix.envs.lbf.tasks import find_task
from fedqmix.runtime.core.scenes import Scene, SceneMoment
from fedqmix.runtime.core.world import TeamSink, UnitRecord


class LbfWorld(KernelWorld):
    """A World of one task's episodes.

    An episode terminates, and is won, when all food is eaten; otherwise it is truncated at the limit. Every purpose
    draws its own starts.
    """

    action_names = ("nothing", "north", "south", "west", "east", "load")

    def __init__(self, name: str, seed: int, options: LbfOptions, sink: TeamSink, threads: int = 1) -> None:
        """Build the world. name: the task's; other arguments as for envs.make_world.

        Raises ConfigurationError for an unknown task, and for settings that do not fit it.
        """
        super().__init__(play, spec_of(name, options), seed, sink, threads)
        self._rules, self._foods = make_rules(name, options), find_task(name, options).foods

    @property
    def game(self) -> str:
        """The world's name; its version is the package's."""
        return "level-based foraging"

    def snapshot(self, episode: int) -> list[UnitRecord]:
        """List the players of one episode of the current batch. Raises WorldError when there is no such episode."""
        self._check_shown(episode)
        return agents_of(self._rules.side, self._grids.players[episode], self._batch.actions[:, episode])

    def scene(self, episode: int) -> Scene:
        """Return the grid, levels and foods of one episode. Raises as `snapshot`."""
        self._check_shown(episode)
        players, foods = self._grids.players[episode], self._first_foods[episode]
        return scene_of(self._rules.side, players, foods, self.action_names)

    def scene_moment(self, episode: int) -> SceneMoment:
        """Return which foods of one episode are left. Raises as `snapshot`."""
        self._check_shown(episode)
        foods = self._grids.foods[episode]
        return moment_of(self._rules.side, self._first_foods[episode], foods, self._spec.n_agents)

    def _open(self) -> None:
        super()._open()
        self._first_foods = self._grids.foods.copy()  # an eaten food has neither a place nor a level

    def _arguments(self, batch: BatchArrays) -> tuple[Any, ...]:
        self._grids = make_grids(batch, self._foods)
        return self._rules, self._grids, batch.actions, views_of(batch)


def make_rules(name: str, options: LbfOptions) -> Rules:
    """Return a task's rules as the kernel reads them. Raises ConfigurationError as `find_task`."""
    task = find_task(name, options)
    return Rules(
        side=task.side,
        sight=task.sight,
        coop=task.coop,
        hardest=task.hardest,
        levels=np.array(task.levels if task.fixed else task.players * [0], np.int64),
        max_player_level=task.max_player_level,
        penalty=float(options.penalty),
        observe_agent_levels=bool(options.observe_agent_levels),
        hide_agent_levels=task.fixed,
        mask=bool(options.mask),
        obs_instead_of_state=bool(options.obs_instead_of_state),
        episode_limit=options.episode_limit,
    )


def make_grids(batch: BatchArrays, foods: int) -> Grids:
    """Return the arrays of a batch of episodes with so many foods, all zeros but the batch's keys."""
    agents, episodes = batch.actions.shape
    return Grids(
        keys=batch.keys,
        steps=np.zeros(episodes, np.int64),
        players=np.zeros((episodes, agents, 3), np.int64),
        foods=np.zeros((episodes, foods, 3), np.int64),
        spawned=np.zeros(episodes, np.int64),
        wanted=np.zeros((episodes, agents, 2), np.int64),
        loads=np.zeros((episodes, agents), np.bool_),
        earned=np.zeros((episodes, agents)),
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
        won=time_step.won,
        state=team.state,
        team_reward=team.team_reward,
    )
