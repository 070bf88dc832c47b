"""snp_ps: a random sub-network of one root network for each agent (SNP-PS: Kim and Sung 2023, arXiv 2303.00912).

    theta[e] = sum_j theta_j[e] / |H_e|,    H_e: the agents that hold element e

Each agent holds ceil(strategy.keep h) units of every hidden layer of h units, drawn once and kept for the whole run.
The paper shares gradients in one process; here sub-networks are averaged once in a round.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fedqmix.strategies.sub_network_strategy import SubNetworkStrategy
from fedqmix.strategies.sub_networks import Units, drawn_units


class RandomSubNetworks(SubNetworkStrategy):
    """Sub-networks that are drawn for each agent."""

    def draw_units(self, widths: Mapping[str, int], kept: Mapping[str, int]) -> Units:
        """Return the first units of a random permutation, for each agent and group of hidden units."""
        agents = range(self.n_agents)
        return {
            group: np.stack([drawn_units(self.seed, "snp mask", agent, group, width, kept[group]) for agent in agents])
            for group, width in widths.items()
        }
