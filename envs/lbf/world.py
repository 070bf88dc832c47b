"""The World of env=lbf: a batch of episodes of level-based foraging."""

from __future__ import annotations

from typing import Any

import numpy as np

from fedqmix.envs.kernel_world import BatchArrays, KernelWorld
from fedqmix.envs.lbf.arrays import Grids, Rules, Views
from fedqmix.envs.lbf.layout import spec_of
from fedqmix.envs.lbf.options import LbfOptions
from fedqmix.envs.lbf.rules import play
from fedqmix.envs.lbf.tasks import find_task
from fedqmix.runtime.core.world import TeamSink


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

    def _arguments(self, batch: BatchArrays) -> tuple[Any, ...]:
        return self._rules, make_grids(batch, self._foods), batch.actions, views_of(batch)


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
