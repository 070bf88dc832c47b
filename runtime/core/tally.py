"""A World that counts its episodes, so that the server does not depend on the agents' own figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fedqmix.runtime.core.facts import Counted
from fedqmix.runtime.core.world import (
    Bools,
    EpisodeBatch,
    Floats64,
    Integers,
    LocalWorld,
    Purpose,
    TeamSpec,
    TimeStep,
)


class Ended(NamedTuple):
    """The completed episodes of a batch."""

    lengths: Integers  # [episodes]
    individual_returns: Floats64  # [agents, episodes]
    won: Bools  # [episodes]
    exists: Bools  # [agents, episodes]


class TalliedWorld:
    """A LocalWorld around another one, which counts its episodes.

    `counted` is exact: it adds rewards in the same order and precision as the agents (clients.acting,
    clients.playing), batch by batch and series by series.
    """

    def __init__(self, world: LocalWorld) -> None:
        self._world = world
        self._batch: EpisodeBatch | None = None
        self._series: dict[Purpose, dict[int, list[Ended]]] = {}
        self._broken: dict[Purpose, int] = {}

    @property
    def spec(self) -> TeamSpec:
        """See runtime.core.world.World."""
        return self._world.spec

    @property
    def game(self) -> str:
        """See runtime.core.world.LocalWorld."""
        return self._world.game

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        """See runtime.core.world.World; a batch that was not played to its end is not counted."""
        time_step = self._world.begin(batch)
        self._batch = batch
        self._running = ~(time_step.terminated | time_step.truncated)
        self._lengths = np.zeros(batch.count, np.int64)
        self._earned = np.zeros((self.spec.n_agents, batch.count), np.float64)
        return time_step

    def step(self, actions: Integers) -> TimeStep:
        """See runtime.core.world.World."""
        time_step = self._world.step(actions)
        if self._batch is not None:
            self._earned += time_step.individual_rewards
            self._lengths += self._running
            self._running = ~(time_step.terminated | time_step.truncated)
            if not self._running.any():
                self._end(self._batch, time_step)
        return time_step

    def close(self) -> None:
        """See runtime.core.world.World."""
        self._world.close()

    def forget(self) -> None:
        """Reset all counts."""
        self._batch = None
        self._series, self._broken = {}, {}

    def counted(self) -> Mapping[Purpose, Counted]:
        """Return the counts since `forget`, by purpose. A purpose without a completed episode is absent."""
        return {purpose: self._sum(purpose, list(series.values())) for purpose, series in self._series.items()}

    def _end(self, batch: EpisodeBatch, time_step: TimeStep) -> None:
        whole = ~time_step.broken
        self._batch = None
        self._broken[batch.purpose] = self._broken.get(batch.purpose, 0) + int(time_step.broken.sum())
        if whole.any():
            series = batch.first if batch.series is None else batch.series
            exists = time_step.exists[:, whole].copy()
            ended = Ended(self._lengths[whole], self._earned[:, whole], time_step.won[whole], exists)
            self._series.setdefault(batch.purpose, {}).setdefault(series, []).append(ended)

    def _sum(self, purpose: Purpose, series: Sequence[Sequence[Ended]]) -> Counted:
        individual_returns = np.zeros(self.spec.n_agents, np.float64)
        for batches in series:
            individual_returns += np.concatenate([one.individual_returns for one in batches], axis=1).sum(1)
        lengths = np.concatenate([one.lengths for batches in series for one in batches])
        won = np.concatenate([one.won for batches in series for one in batches])
        exists = np.concatenate([one.exists for batches in series for one in batches], axis=1)
        return Counted(
            len(lengths),
            int(won.sum()),
            int(lengths.sum()),
            self._broken[purpose],
            tuple(individual_returns.tolist()),
            () if exists.all() else tuple(exists.sum(1).tolist()),
        )
