"""clusters: the plain average within groups of agents (selective parameter sharing, arXiv 2102.07475).

    theta_i = sum_j W_ij theta_j,    W_ij = [k_i = k_j] / |C_k|

k_i is the cluster of agent i, C_k the agents of cluster k (strategy.clusters). Christianos et al. 2021 find clusters
by an encoder of agents and train one network for each; here clusters are given, and are averaged once in a round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.method import GradientPlaces
from fedqmix.strategies.mixing import Matrix, cluster_rows
from fedqmix.strategies.options import ClusterSettings


class Clusters(AveragePPS):
    """A-PPS within each cluster of strategy.clusters, which holds every agent once."""

    settings: ClusterSettings

    @property
    def clusters(self) -> Sequence[Sequence[int]]:
        """The agents of each cluster."""
        clusters: Sequence[Sequence[int]] = self.settings.clusters
        return clusters

    def mixing_matrix(self, name: str, rewards: Mapping[int, float]) -> Matrix:
        """Return 1/|C_k| for the agents of the row's cluster, 0 for the others: [agents, agents]."""
        return cluster_rows(self.clusters, self.n_agents, self.examples)

    def gradient_places(self) -> GradientPlaces | None:
        """Return a block for each cluster, with strategy.every_step; see Method."""
        if not self.settings.every_step:
            return None
        shapes = {name: tuple(array.shape) for name, array in self.starts[0].items()}
        blocks: dict[int, Mapping[str, NDArray[np.int32]]] = {}
        first = 0
        for cluster in self.clusters:
            own: dict[str, NDArray[np.int32]] = {}
            for name, shape in shapes.items():
                own[name] = np.arange(first, first + prod(shape), dtype=np.int32).reshape(shape)
                first += prod(shape)
            blocks |= dict.fromkeys(cluster, own)
        return GradientPlaces(first, [blocks[agent] for agent in range(self.n_agents)])
