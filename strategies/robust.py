"""The base of Byzantine-robust strategies: team sizes, and Flower's arithmetic in float64.

Median, trimmed mean, Krum and Bulyan bound the effect of f dishonest agents (strategy.byzantine) on the aggregate when
the team is large enough. They do not use rewards, so that a false reward has no effect.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray

from fedqmix.conf.schema import least_agents
from fedqmix.runtime.core.array_names import kind_of, online_names
from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.aggregation import require_alike
from fedqmix.strategies.options import KrumSettings, RobustSettings


class RobustStrategy(AveragePPS):
    """Base class that implements `combine` in terms of an abstract `combine_robustly`.

    The record's weights are the agents' true shares in the aggregate, not 1/N. dishonest: the most dishonest agents
    among those of this round, strategy.byzantine minus the agents that were left out.
    """

    settings: RobustSettings
    dishonest = 0

    def combine(self, contents: Sequence[ArrayRecord], weights: Sequence[float]) -> ArrayRecord:
        """Return the robust aggregate; weights are not used.

        Arrays are sorted by name and agents by their arrays. So the aggregate is equal bit for bit for any numbering of
        the agents, and in a resumed run, whose messages list arrays in another order.
        Raises FederationError when the arrays cannot be aggregated, and when too few agents remain in the round.
        """
        require_alike(contents)
        left_out = self.n_agents - len(self.absent) - len(contents)
        self.dishonest = max(0, self.settings.byzantine - left_out)
        self._require_enough(len(contents))
        named = [dict(sorted(content.items())) for content in contents]
        order = sorted(range(len(named)), key=lambda agent: [array.data for array in named[agent].values()])
        combined, shares = self.combine_robustly([_in_float64(named[agent]) for agent in order])
        self.record.weights = [shares[order.index(agent)] for agent in range(len(contents))]
        return ArrayRecord(
            {name: Array(combined[name].numpy().astype(array.dtype)) for name, array in contents[0].items()}
        )

    @abstractmethod
    def combine_robustly(self, contents: Sequence[ArrayRecord]) -> tuple[ArrayRecord, list[float]]:
        """Return the aggregate of float64 arrays, and each agent's share in it; the shares sum to 1."""

    def _require_enough(self, agents: int) -> None:
        name = self.settings.name
        select = self.settings.krum_select if isinstance(self.settings, KrumSettings) else 1
        least = least_agents(name, self.dishonest, select)
        if agents < least:
            raise FederationError(
                f"strategy={name} needs at least {least} agents in every round; round {self.record.number} has "
                f"{agents}, as the others were left out or existed in no episode. Repair these and resume the run."
            )


def mean_shares(keys: NDArray[np.float64], first: int, last: int) -> list[float]:
    """Return each row's share of the ranks first to last within the columns: [rows], sum 1.

    keys: [rows, columns], at least one column. first, last: ranks, from 1. In each column the rows with these ranks
    have equal shares, and rows with equal keys divide theirs equally. A row's share is its mean over the columns.
    """
    from scipy.stats import rankdata  # here, because every party imports the strategies, and it is slow to import

    low, high = rankdata(keys, "min", axis=0), rankdata(keys, "max", axis=0)
    within = np.clip(np.minimum(high, last) - np.maximum(low, first) + 1, 0, None)
    shares: list[float] = (within / (high - low + 1) / (last - first + 1)).mean(axis=1).tolist()
    return shares


def parameters_of(contents: Sequence[ArrayRecord]) -> NDArray[np.float64]:
    """Return the agents' parameters without target networks and moments: [agents, parameters]."""
    return np.stack(
        [np.concatenate([content[name].numpy().ravel() for name in online_names(content)]) for content in contents]
    )


def scales(contents: Sequence[ArrayRecord]) -> dict[str, float]:
    """Return factors by name that give all kinds of arrays one scale in distances.

    contents: float64. A kind's factor is the inverse of its spread, the median of the agents' distances to their
    coordinate-wise median. Factors are rounded to powers of two, so that scaling is exact; 1 when there is one kind.
    """
    kinds = {name: kind_of(name) for name in contents[0]}
    if len(set(kinds.values())) == 1:
        return dict.fromkeys(kinds, 1.0)
    squares = {kind: np.zeros(len(contents)) for kind in kinds.values()}
    for name, kind in kinds.items():
        values = np.stack([content[name].numpy().ravel() for content in contents])
        squares[kind] += np.square(values - np.median(values, axis=0)).sum(axis=1)
    spreads = {kind: float(np.sqrt(np.median(square))) for kind, square in squares.items()}
    return {name: 2.0 ** -round(np.log2(spreads[kind])) if spreads[kind] > 0 else 1.0 for name, kind in kinds.items()}


def scaled(content: ArrayRecord, factors: dict[str, float]) -> ArrayRecord:
    """Return each array multiplied by its factor."""
    return ArrayRecord({name: Array(array.numpy() * factors[name]) for name, array in content.items()})


def _in_float64(content: Mapping[str, Array]) -> ArrayRecord:
    return ArrayRecord({name: Array(array.numpy().astype(np.float64)) for name, array in content.items()})
