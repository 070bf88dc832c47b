"""bulyan: the trimmed mean of the networks that Krum selects (El Mhamdi et al. 2018, arXiv 1802.07927, section 4).

    S        = the n - 2f networks with the lowest scores of Krum (strategies/krum.py)
    theta[k] = mean of the n - 4f values theta_i[k], i in S, that are nearest to their median

f is strategy.byzantine; n >= 4f + 3 agents are needed. Flower's Bulyan does the arithmetic, in float64. It scores all
networks once; the paper scores the remaining ones again after each selection.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flwr.app import ArrayRecord
from flwr.serverapp import strategy as flower

from fedqmix.strategies.flower_arithmetic import through
from fedqmix.strategies.robust import RobustStrategy, mean_shares, parameters_of, scaled, scales


class Bulyan(RobustStrategy):
    """Krum's selection bounds distances to honest agents; the trimmed mean bounds each value."""

    def combine_robustly(self, contents: Sequence[ArrayRecord]) -> tuple[ArrayRecord, list[float]]:
        """Return the aggregate, and each agent's share of the values nearest to the median."""
        factors = scales(contents)
        bulyan = flower.Bulyan(num_malicious_nodes=self.dishonest)
        combined, shares = through(bulyan, self.record.number, [scaled(content, factors) for content in contents])
        aggregate = scaled(combined, {name: 1 / factor for name, factor in factors.items()})
        selected = [agent for agent, share in enumerate(shares) if share > 0]
        parameters = parameters_of([contents[agent] for agent in selected])
        distances = np.abs(parameters - np.median(parameters, axis=0))
        nearest = mean_shares(distances, 1, len(contents) - 4 * self.dishonest)
        by_agent = dict(zip(selected, nearest, strict=True))
        return aggregate, [by_agent.get(agent, 0.0) for agent in range(len(contents))]
