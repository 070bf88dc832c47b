"""Blind-particle spread from chosen starts: the compiled rules on particles that a test places itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from fedqmix.envs.bps.layout import spec_of
from fedqmix.envs.bps.options import BpsOptions
from fedqmix.envs.bps.rules import STEPPING, Particles, Views, play
from fedqmix.envs.bps.world import make_rules
from fedqmix.envs.options import world_options
from fedqmix.runtime.kernels.spinning import MESSAGE, SpinningThreads


def bps_options(**changes: Any) -> BpsOptions:
    """The settings of conf/env/bps.yaml with changes."""
    return cast(BpsOptions, world_options("bps", **changes))


class PlacedParticles:
    """Episodes of a task in which all particles begin where a test puts them, at rest."""

    def __init__(self, options: BpsOptions, positions: Any, landmarks: Any, task: str = "bps-1") -> None:
        """positions: [episodes, agents, 2]. landmarks: [episodes, groups, 2]."""
        self.spec, self.rules = spec_of(task, options), make_rules(task, options)
        starts, goals = np.array(positions, np.float64), np.array(landmarks, np.float64)
        episodes = len(starts)
        self.particles = Particles(np.zeros(episodes, np.uint64), starts, np.zeros_like(starts), goals)
        self.views = Views(
            np.zeros((self.spec.n_agents, episodes, self.spec.obs_dim), np.float32),
            np.zeros((episodes, self.spec.state_dim), np.float32),
            np.zeros((self.spec.n_agents, episodes), np.float32),
            np.zeros(episodes, np.float32),
        )
        self._queue = SpinningThreads(0).work_queue(episodes, 1)
        self._queue[MESSAGE] = STEPPING

    def step(self, actions: Sequence[Sequence[int]] | np.ndarray) -> Views:
        """Take one environment step. actions: [agents, episodes]. Returns copies."""
        play(self.rules, self.particles, np.array(actions, np.int64), self.views, self._queue, 0)
        return Views(*(array.copy() for array in self.views))
