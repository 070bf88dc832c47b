"""median: the coordinate-wise median (Yin et al. 2018, arXiv 1803.01498, definition 1).

    theta[k] = median_i theta_i[k]        for every parameter value k

With n agents, of which f < n/2 are dishonest, every value of the aggregate lies within the honest agents' range.
Flower's FedMedian does the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence

from flwr.app import ArrayRecord
from flwr.serverapp.strategy import FedMedian

from fedqmix.strategies.flower_arithmetic import through
from fedqmix.strategies.robust import RobustStrategy, mean_shares, parameters_of


class Median(RobustStrategy):
    """The middle value over the agents; the mean of the two middle ones if their number is even."""

    def combine_robustly(self, contents: Sequence[ArrayRecord]) -> tuple[ArrayRecord, list[float]]:
        """Return the median, and each agent's share of the middle values."""
        median, _ = through(FedMedian(), self.record.number, contents)
        n = len(contents)
        return median, mean_shares(parameters_of(contents), (n + 1) // 2, n // 2 + 1)
