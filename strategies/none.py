"""none: no aggregation; every agent keeps its own network. The lower baseline."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.strategies.team import TeamStrategy


class NoAggregation(TeamStrategy):
    """Names no parameter, so none leaves its agent."""

    def weights(self, rewards: Sequence[float]) -> list[float]:
        """Return no weights: there is nothing to weigh."""
        return []
