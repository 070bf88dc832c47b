"""A-PPS (PPS-QMIX, arXiv 2403.02635): the plain average.

theta = sum_i (1 / N) theta_i
"""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.strategies.team import TeamStrategy
from fedqmix.strategies.weights import uniform


class AveragePPS(TeamStrategy):
    """The unweighted average of all agents."""

    def weights(self, rewards: Sequence[float]) -> list[float]:
        """Return 1/N for each agent."""
        return uniform(len(rewards))
