"""krum: the mean of the networks with the nearest neighbours (Blanchard et al. 2017, arXiv 1703.02757, section 4).

    score(i) = sum of |theta_i - theta_j|^2 over the n - f - 2 networks j that are nearest to i
    theta    = mean of the m networks with the lowest scores

f is strategy.byzantine, m is strategy.krum_select: 1 is Krum, more is Multi-Krum. n >= 2f + 3 agents are needed, and
m <= n - f, because a larger selection always includes a dishonest agent. Flower's MultiKrum does the arithmetic, in
float64: it computes distances as |x|^2 + |y|^2 - 2xy, for which float32 is too coarse.
"""

from __future__ import annotations

from collections.abc import Sequence

from flwr.app import ArrayRecord
from flwr.serverapp.strategy import MultiKrum

from fedqmix.strategies.aggregation import aggregate
from fedqmix.strategies.flower_arithmetic import through
from fedqmix.strategies.options import KrumSettings
from fedqmix.strategies.robust import RobustStrategy, scaled, scales


class Krum(RobustStrategy):
    """A selection of whole agents, by distances over parameters, target networks and moments."""

    settings: KrumSettings

    def combine_robustly(self, contents: Sequence[ArrayRecord]) -> tuple[ArrayRecord, list[float]]:
        """Return the mean of the selected agents, and their shares 1/m; 0 for the other agents."""
        flower = MultiKrum(num_malicious_nodes=self.dishonest, num_nodes_to_select=self.settings.krum_select)
        factors = scales(contents)
        _, shares = through(flower, self.record.number, [scaled(content, factors) for content in contents])
        selected = [agent for agent, share in enumerate(shares) if share > 0]
        return aggregate([contents[agent] for agent in selected], [shares[agent] for agent in selected]), shares
