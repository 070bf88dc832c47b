"""adaps: a sub-network of one root network for each cluster of agents (AdaPS: Li et al. 2023, arXiv 2312.09009).

    s_k = sigmoid(V tanh(U z_k)),    the units of cluster k: the ceil(keep h) largest s_k of each hidden layer
    theta[e] = sum_j theta_j[e] / |H_e|,    H_e: the agents that hold element e

z_k is the centre of cluster k. U and V are drawn once and never trained, so clusters with near centres hold mostly the
same units. strategy.masks=random draws each cluster's units instead. Agents of one cluster hold one sub-network.
What the paper leaves open, and the choices here: docs/adaptive.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core import seeds
from fedqmix.strategies.identity.strategy import FindsClusters
from fedqmix.strategies.options import AdaptiveSettings
from fedqmix.strategies.sub_network_strategy import SubNetworkStrategy
from fedqmix.strategies.sub_networks import Integers, Units, drawn_units

Floats = NDArray[np.float64]
HIDDEN = 64
"""The width of the mapping network's hidden layer."""


class AdaptiveSubNetworks(SubNetworkStrategy, FindsClusters):
    """Sub-networks that depend on the agents' clusters, strategy.clusters."""

    settings: AdaptiveSettings

    def cluster_of(self) -> list[int]:
        """Return the cluster of each agent: [agents], 0 .. K - 1."""
        return [int(label) for label in self.partition.labels]

    def centres(self) -> Floats:
        """Return the centre of each cluster: [K, dimensions]. Of given clusters, a one-hot code: all equally far."""
        return self.partition.centres

    def draw_units(self, widths: Mapping[str, int], kept: Mapping[str, int]) -> Units:
        """Return the units of each agent's cluster."""
        of_clusters = (
            mapped_units(self.centres(), widths, kept, self.seed)
            if self.settings.masks == "mapped"
            else self._random(widths, kept)
        )
        return {group: units[self.cluster_of()] for group, units in of_clusters.items()}

    def _random(self, widths: Mapping[str, int], kept: Mapping[str, int]) -> dict[str, Integers]:
        clusters = range(len(self.centres()))
        return {
            group: np.stack([drawn_units(self.seed, "random mask", one, group, width, kept[group]) for one in clusters])
            for group, width in widths.items()
        }


def mapped_units(centres: Floats, widths: Mapping[str, int], kept: Mapping[str, int], seed: int) -> dict[str, Integers]:
    """Return the units of each cluster by group: [K, kept], ascending.

    centres: [K, dimensions]. widths, kept: as `SubNetworkStrategy.draw_units`. Of units with equal values the first
    ones are taken.
    """
    inputs = standardised(centres)
    fan_in, total = inputs.shape[1], sum(widths.values())
    random = seeds.generator(seed, "mapping")
    first = random.standard_normal((fan_in, HIDDEN)) / np.sqrt(fan_in)
    second = random.standard_normal((HIDDEN, total)) / np.sqrt(HIDDEN)
    values = 1 / (1 + np.exp(-np.tanh(inputs @ first) @ second))  # [K, units of all groups]
    ends = np.cumsum(list(widths.values()))[:-1]
    return {
        group: np.sort(np.argsort(-of_group, axis=1, kind="stable")[:, : kept[group]], axis=1)
        for group, of_group in zip(widths, np.split(values, ends, axis=1), strict=True)
    }


def standardised(centres: Floats) -> Floats:
    """Return the mapping network's inputs: [K, dimensions + 1].

    The centres' mean becomes 0, and their mean square 1 with one scale for all dimensions, so that the ratios of
    distances stay. The last input is a constant, sqrt(dimensions / (K - 1)): without it two centres would be exactly
    opposite after subtracting the mean, and the clusters would have no unit in common. With it, clusters that are
    equally far from each other have orthogonal inputs, for any K, and so unrelated sub-networks.
    """
    count, dimensions = centres.shape
    moved = centres - centres.mean(axis=0)
    scale = np.sqrt(np.mean(np.square(moved)))
    constant = np.full((count, 1), np.sqrt(dimensions / max(1, count - 1)))
    return np.hstack([moved / scale if scale > 0 else moved, constant])
