"""seps: the plain average within clusters of agents that are alike (SePS: Christianos et al. 2021, arXiv 2102.07475).

    theta_i = sum_j W_ij theta_j,    W_ij = [k_i = k_j] / |C_k|

k_i is the cluster of agent i, C_k the agents of cluster k. Clusters are found before the first round, from what the
agents see and earn (strategies/identity), or given (strategy.clusters). The paper trains one network for each cluster
in one process; here a cluster's networks are averaged once in a round.
"""

from __future__ import annotations

from collections.abc import Mapping

from fedqmix.strategies.identity.strategy import FindsClusters
from fedqmix.strategies.mixing import Matrix, cluster_rows


class SelectiveSharing(FindsClusters):
    """A-PPS within each cluster, which may be found by identity."""

    def mixing_matrix(self, name: str, rewards: Mapping[int, float]) -> Matrix:
        """Return 1/|C_k| for the agents of the row's cluster, 0 for the others: [agents, agents]."""
        return cluster_rows(self.partition.clusters, self.n_agents)
