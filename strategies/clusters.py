"""clusters: the plain average within groups of agents (selective parameter sharing, arXiv 2102.07475).

    theta_i = sum_j W_ij theta_j,    W_ij = [k_i = k_j] / |C_k|

k_i is the cluster of agent i, C_k the agents of cluster k (strategy.clusters). Christianos et al. 2021 find clusters
by an encoder of agents and train one network for each; here clusters are given, and are averaged once in a round.
"""

from __future__ import annotations

from collections.abc import Mapping

from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.mixing import Matrix, cluster_rows
from fedqmix.strategies.options import ClusterSettings


class Clusters(AveragePPS):
    """A-PPS within each cluster of strategy.clusters, which holds every agent once."""

    settings: ClusterSettings

    def mixing_matrix(self, name: str, rewards: Mapping[int, float]) -> Matrix:
        """Return 1/|C_k| for the agents of the row's cluster, 0 for the others: [agents, agents]."""
        return cluster_rows(self.settings.clusters, self.n_agents)
