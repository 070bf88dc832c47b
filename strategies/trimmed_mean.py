"""trimmed_mean: the coordinate-wise trimmed mean (Yin et al. 2018, arXiv 1803.01498, definition 2).

    theta[k] = mean of theta_i[k] without the f largest and the f smallest        for every parameter value k

f is strategy.byzantine. With n > 2f agents, of which f are dishonest, every value of the aggregate lies within the
honest agents' range. Flower's FedTrimmedAvg does the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence

from flwr.app import ArrayRecord
from flwr.serverapp.strategy import FedTrimmedAvg

from fedqmix.strategies.flower_arithmetic import through
from fedqmix.strategies.robust import RobustStrategy, mean_shares, parameters_of


class TrimmedMean(RobustStrategy):
    """The average of the values in between.

    With n = 2f + 1 it is the median, with f = 0 the plain average.
    """

    def combine_robustly(self, contents: Sequence[ArrayRecord]) -> tuple[ArrayRecord, list[float]]:
        """Return the trimmed mean, and each agent's share of the values in between."""
        n, f = len(contents), self.dishonest
        # Flower cuts int(beta n) at each end: f - 1 where beta = f/n is rounded down.
        mean, _ = through(FedTrimmedAvg(beta=(f + 0.25) / n), self.record.number, contents)
        return mean, mean_shares(parameters_of(contents), f + 1, n - f)
