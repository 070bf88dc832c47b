"""A-PPS (PPS-QMIX, arXiv 2403.02635): the plain average.

    theta = sum_i (1 / N) theta_i

Where agents did not exist in some of the round's episodes, the weight is n_i / sum n with the n_i episodes in which
agent i existed, as in FedAvg (McMahan et al. 2017, arXiv 1602.05629, algorithm 1); 1 / N is its case of equal n.
"""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.strategies.team import TeamStrategy
from fedqmix.strategies.weights import by_examples, uniform


class AveragePPS(TeamStrategy):
    """The average of all agents, weighted by nothing but the episodes in which they existed."""

    def weights(self, rewards: Sequence[float]) -> list[float]:
        """Return 1/N for each agent, or its share of the episodes played where these differ."""
        return uniform(len(rewards)) if self.examples is None else by_examples(list(self.examples.values()))
