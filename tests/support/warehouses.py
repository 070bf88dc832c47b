"""Warehouses for tests: the world's settings, hand-placed warehouses, and the package rware beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from fedqmix.envs.options import world_options
from fedqmix.envs.rware.arrays import NONE, Views, make_rules, make_warehouses
from fedqmix.envs.rware.layout import spec_of
from fedqmix.envs.rware.options import RwareOptions
from fedqmix.envs.rware.rules import play
from fedqmix.envs.rware.tasks import find_task
from fedqmix.runtime.core.seeds import key
from fedqmix.runtime.kernels.episodes import OPENING, STEPPING
from fedqmix.runtime.kernels.spinning import MESSAGE, SpinningThreads

UP, DOWN, LEFT, RIGHT = range(4)


def rware_options(**changes: Any) -> RwareOptions:
    """The settings of conf/env/rware.yaml with changes."""
    return cast(RwareOptions, world_options("rware", **changes))


class PlacedWarehouse:
    """One episode of a task in which a test places the agents and chooses the requests and colours."""

    def __init__(
        self,
        task: str,
        agents: Sequence[tuple[int, int, int]],
        requests: Sequence[tuple[int, int]] = (),
        colours: dict[tuple[int, int], int] | None = None,
        options: RwareOptions | None = None,
        seed: int = 0,
    ) -> None:
        """agents: x, y and direction of each. requests: the homes of shelves; others are requested up to the queue's
        length. colours: of the shelves with these homes, 0 for others."""
        self.options = options or rware_options()
        self.task, self.spec = find_task(task, self.options), spec_of(task, self.options)
        self.rules = make_rules(self.task, self.options, seed)
        keys = np.array([key(seed, "placed")], np.uint64)
        self.warehouse = made = make_warehouses(self.task, self.rules, keys)
        self.views = Views(
            np.zeros((self.spec.n_agents, 1, self.spec.obs_dim), np.float32),
            np.zeros((1, self.spec.state_dim), np.float32),
            np.zeros((self.spec.n_agents, 1), np.float32),
            np.zeros(1, np.float32),
        )
        self._queue = SpinningThreads(0).work_queue(1, 1)
        self._play(OPENING, np.zeros((self.spec.n_agents, 1), np.int64))
        made.agent_at[:] = NONE
        for agent, (x, y, direction) in enumerate(agents):
            made.cells[0, agent] = self.cell(x, y)
            made.directions[0, agent] = direction
            made.agent_at[0, self.cell(x, y)] = agent
        homes = self.task.grid.homes
        wanted = [homes.index(home) for home in requests]
        wanted += [shelf for shelf in range(len(homes)) if shelf not in wanted]
        made.requests[0] = wanted[: self.task.requests]
        made.requested[0] = np.isin(np.arange(len(homes)), made.requests[0])
        for home, colour in (dict.fromkeys(homes, 0) | (colours or {})).items():
            made.shelf_colours[0, homes.index(home)] = colour

    def cell(self, x: int, y: int) -> int:
        """Return the number of a cell."""
        return int(self.rules.floor[y * self.task.grid.width + x])

    def place(self, agent: int) -> tuple[int, int]:
        """Return an agent's cell."""
        cell = self.warehouse.cells[0, agent]
        return int(self.rules.x[cell]), int(self.rules.y[cell])

    def step(self, *actions: int) -> list[float]:
        """Take one environment step; return the agents' rewards."""
        self._play(STEPPING, np.array(actions, np.int64)[:, None])
        return [float(reward) for reward in self.views.individual_rewards[:, 0]]

    def _play(self, message: int, actions: np.ndarray) -> None:
        self._queue[MESSAGE] = message
        play(self.rules, self.warehouse, actions, self.views, self._queue, 0)
