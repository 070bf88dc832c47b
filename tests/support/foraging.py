"""Level-based foraging in tests: its settings, and episodes from chosen starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from fedqmix.envs.kernel_world import BatchArrays
from fedqmix.envs.lbf.arrays import LEVEL, Grids, Views
from fedqmix.envs.lbf.layout import spec_of
from fedqmix.envs.lbf.options import LbfOptions
from fedqmix.envs.lbf.rules import play
from fedqmix.envs.lbf.world import make_grids, make_rules, views_of
from fedqmix.envs.options import world_options
from fedqmix.envs.time_steps import allocate
from fedqmix.runtime.kernels.episodes import STEPPING
from fedqmix.runtime.kernels.spinning import MESSAGE, SpinningThreads


def lbf_options(**changes: Any) -> LbfOptions:
    """The settings of conf/env/lbf.yaml with changes."""
    return cast(LbfOptions, world_options("lbf", **changes))


class PlacedGrid:
    """One episode of a task in which players and foods begin where a test puts them, with the levels that it gives."""

    def __init__(self, task: str, players: Any, foods: Any, **changes: Any) -> None:
        """players, foods: (row, column, level) of each, foods in the order of rows and then columns."""
        options = lbf_options(**changes)
        spec, self._rules = spec_of(task, options), make_rules(task, options)
        time_step, team = allocate(spec, 1)
        self._batch = BatchArrays(np.zeros(1, np.uint64), np.zeros((spec.n_agents, 1), np.int64), time_step, team)
        self.grids: Grids = make_grids(self._batch, len(foods))
        self.grids.players[0], self.grids.foods[0] = players, foods
        self.grids.spawned[0] = self.grids.foods[0, :, LEVEL].sum()
        self._queue = SpinningThreads(0).work_queue(1, 1)
        self._queue[MESSAGE] = STEPPING

    def step(self, actions: Sequence[int]) -> Views:
        """Take one environment step. actions: [agents]."""
        self._batch.actions[:, 0] = actions
        views = views_of(self._batch)
        play(self._rules, self.grids, self._batch.actions, views, self._queue, 0)
        return views
