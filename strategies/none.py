"""none: no aggregation. Every agent keeps its own network; the lower baseline."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.strategies.team import TeamStrategy


class NoAggregation(TeamStrategy):
    """A strategy without shared parameters: its messages name none."""

    def weights(self, rewards: Sequence[float]) -> list[float]:
        """Return no weights: nothing is aggregated."""
        return []
