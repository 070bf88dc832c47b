"""Predator-prey in tests: its settings, episodes from chosen places, and teams that know the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from fedqmix.conf.schema import Config
from fedqmix.envs.kernel_world import BatchArrays
from fedqmix.envs.options import world_options
from fedqmix.envs.predator_prey.arrays import AGENT, CATCH, DOWN, LEFT, PREY, RIGHT, STAY, UP, Grids, Views
from fedqmix.envs.predator_prey.layout import TASK, spec_of
from fedqmix.envs.predator_prey.options import PredatorPreyOptions
from fedqmix.envs.predator_prey.rules import play
from fedqmix.envs.predator_prey.world import make_grids, make_rules, views_of
from fedqmix.envs.time_steps import allocate
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Integers, TimeStep
from fedqmix.runtime.kernels.episodes import STEPPING
from fedqmix.runtime.kernels.spinning import MESSAGE, SpinningThreads


def hunting_options(**changes: Any) -> PredatorPreyOptions:
    """The settings of conf/env/predator_prey.yaml with changes."""
    return cast(PredatorPreyOptions, world_options("predator_prey", **changes))


class PlacedHunt:
    """One episode in which agents and prey begin where a test puts them."""

    def __init__(
        self, agents: Sequence[tuple[int, int]], prey: Sequence[tuple[int, int]], key: int = 0, **changes: Any
    ) -> None:
        """agents, prey: (row, column) of each. key: of the random draws."""
        options = hunting_options(**{"agents": len(agents), "prey": len(prey), **changes})
        spec, self._rules = spec_of(TASK, options), make_rules(options)
        time_step, team = allocate(spec, 1)
        self._batch = BatchArrays(np.zeros(1, np.uint64), np.zeros((len(agents), 1), np.int64), time_step, team)
        self.grids: Grids = make_grids(self._batch, options)
        self.grids.streams[0] = key
        self.grids.agents[0], self.grids.prey[0] = agents, prey
        self.grids.hunting[:], self.grids.alive[:] = True, True
        for what, places in ((AGENT, agents), (PREY, prey)):
            for row, column in places:
                self.grids.cells[0, row, column] = what
        self._queue = SpinningThreads(0).work_queue(1, 1)
        self._queue[MESSAGE] = STEPPING

    def step(self, *actions: int) -> Views:
        """Take one environment step. actions: of each agent."""
        self._batch.actions[:, 0] = actions
        views = views_of(self._batch)
        play(self._rules, self.grids, self._batch.actions, views, self._queue, 0)
        return views

    def agents(self) -> list[tuple[int, int]]:
        """The agents' places."""
        return [(int(row), int(column)) for row, column in self.grids.agents[0]]

    def prey(self) -> list[tuple[int, int]]:
        """The places of prey that are alive."""
        places = self.grids.prey[0][self.grids.alive[0]]
        return [(int(row), int(column)) for row, column in places]


class Hunters:
    """A team that goes to the nearest prey it sees.

    together: catches where two agents are beside one prey, whom all of them see; otherwise whenever it can.
    """

    def __init__(self, together: bool, seed: int = 0) -> None:
        self._together, self._random = together, np.random.default_rng(seed)

    def __call__(self, time_step: TimeStep) -> Integers:
        """Choose the actions, [agents, episodes]."""
        available = time_step.available_actions
        window = time_step.observations.reshape(*available.shape[:2], 5, 5, 2)
        wanted = toward_prey(window[..., 1])
        drawn = (self._random.random(available.shape) * available).argmax(-1)  # one of the available at random
        drawn = np.where(drawn == CATCH, STAY, drawn)
        lost = (wanted == STAY) | (self._random.random(wanted.shape) < 0.1)
        actions = np.where(lost, drawn, wanted)
        actions = np.where(np.take_along_axis(available, actions[..., None], 2)[..., 0], actions, STAY)
        beside = available[..., CATCH]
        catch = beside & is_shared(window) if self._together else beside
        actions = np.where(catch, CATCH, np.where(beside, STAY, actions))
        chosen: Integers = np.where(time_step.terminated | time_step.truncated, STAY, actions).astype(np.int64)
        return chosen


class HuntingTeam:
    """The team that catches together and stays where it sees no prey, as the tests of replays play it."""

    @classmethod
    def of(cls, config: Config) -> HuntingTeam:
        """Return the team; it draws nothing."""
        return cls()

    def begin(self, batch: EpisodeBatch) -> None:
        """Begin a batch of episodes."""

    def choose(self, observations: Floats) -> Integers:
        """Choose the actions, [agents, episodes]."""
        window = observations.reshape(*observations.shape[:2], 5, 5, 2)
        prey = window[..., 1]
        beside = prey[..., 1, 2] + prey[..., 2, 1] + prey[..., 2, 3] + prey[..., 3, 2] > 0
        waiting = np.where(is_shared(window), CATCH, STAY)
        chosen: Integers = np.where(beside, waiting, toward_prey(prey)).astype(np.int64)
        return chosen


def toward_prey(prey: Floats) -> Integers:
    """Return the move along the longer way to the nearest prey, STAY where none is seen.

    prey: [agents, episodes, 5, 5], 1 where one is.
    """
    down, right = np.mgrid[-2:3, -2:3]
    distances = np.where(prey > 0, np.abs(down) + np.abs(right), 99).reshape(*prey.shape[:2], 25)
    nearest = distances.argmin(-1)
    down, right = down.ravel()[nearest], right.ravel()[nearest]
    along_rows, along_columns = np.where(right > 0, RIGHT, LEFT), np.where(down > 0, DOWN, UP)
    move = np.where(np.abs(down) > np.abs(right), along_columns, along_rows)
    found: Integers = np.where(distances.min(-1) < 99, move, STAY)
    return found


def is_shared(window: Floats) -> np.ndarray:
    """Return whether a prey beside the agent has another agent beside it. window: [agents, episodes, 5, 5, 2]."""
    shared = np.zeros(window.shape[:2], np.bool_)
    for row, column in ((1, 2), (2, 1), (2, 3), (3, 2)):
        sides = [window[..., row + i, column + j, 0] for i, j in ((0, 1), (1, 0), (0, -1), (-1, 0))]
        shared |= (window[..., row, column, 1] > 0) & (np.sum(sides, axis=0) >= 2)
    return shared
