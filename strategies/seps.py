"""seps: the plain average within clusters of agents that are alike (SePS: Christianos et al. 2021, arXiv 2102.07475).

    theta_i = sum_j W_ij theta_j,    W_ij = [k_i = k_j] / |C_k|

k_i is the cluster of agent i, C_k the agents of cluster k. Clusters are found before the first round, from what the
agents see and earn (strategies/identity), or given (strategy.clusters). The paper trains one network for each cluster
in one process; here a cluster's networks are averaged once in a round.
"""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.strategies.clusters import Clusters
from fedqmix.strategies.identity.strategy import FindsClusters
from fedqmix.strategies.options import IdentitySettings


class SelectiveSharing(FindsClusters, Clusters):
    """A-PPS within each cluster, which may be found by identity."""

    settings: IdentitySettings

    @property
    def clusters(self) -> Sequence[Sequence[int]]:
        """The agents of each cluster, found or given."""
        return self.partition.clusters
