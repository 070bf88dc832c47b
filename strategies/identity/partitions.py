"""Partitions of points into clusters: k-means++, and two figures of how well a partition fits.

Davies-Bouldin index (Davies and Bouldin 1979): the mean over clusters of the worst ratio (s_k + s_l) / d_kl, with s_k
the mean distance of cluster k's points to its centre and d_kl the distance of two centres. Lower is better.
Silhouette (Rousseeuw 1987): the mean over points of (b - a) / max(a, b), with a the mean distance to the other points
of the own cluster and b the smallest mean distance to another cluster's; 0 for a point alone. From -1 to 1, higher is
better.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.world import Floats64, Integers

STARTS = 10
"""Starts of k-means++, of which the one with the smallest inertia counts (scikit-learn's n_init, as in SePS)."""


class Partition(NamedTuple):
    """A partition of points into clusters 0 .. K - 1, numbered by their first point."""

    labels: Integers  # [points]
    centres: Floats64  # [K, width]

    @property
    def clusters(self) -> list[list[int]]:
        """The points of each cluster, in their order."""
        return [np.flatnonzero(self.labels == cluster).tolist() for cluster in range(len(self.centres))]


def partition(points: Floats64, labels: NDArray[np.integer]) -> Partition:
    """Return the partition of some labels, numbered by the first point. points: [points, width]; labels: [points]."""
    order = list(dict.fromkeys(labels.tolist()))
    numbered = np.array([order.index(label) for label in labels.tolist()], np.int64)
    centres = np.stack([points[numbered == cluster].mean(0) for cluster in range(len(order))])
    return Partition(numbered, centres)


def k_means(points: Floats64, clusters: int, seed: int) -> Partition | None:
    """Return the best of STARTS runs of k-means++ (Arthur and Vassilvitskii 2007).

    points: [points, width]. Returns None when too few points differ, and when no start found as many clusters.
    """
    if len(np.unique(points, axis=0)) < clusters:
        return None
    best: tuple[float, Partition] | None = None
    for start in range(STARTS):
        random = generator(seed, "k-means", clusters, start)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a cluster that became empty: the start does not count
            _, labels = kmeans2(points, clusters, minit="++", seed=random)
        if len(set(labels.tolist())) < clusters:
            continue
        found = partition(points, labels)
        inertia = float(((points - found.centres[found.labels]) ** 2).sum())
        if best is None or inertia < best[0]:
            best = inertia, found
    return None if best is None else best[1]


def davies_bouldin(points: Floats64, found: Partition) -> float:
    """Return the Davies-Bouldin index of at least two clusters; infinite where two centres are equal."""
    spreads = [np.linalg.norm(points[own] - found.centres[k], axis=1).mean() for k, own in enumerate(found.clusters)]
    worst = []
    for k, centre in enumerate(found.centres):
        distances = np.linalg.norm(found.centres - centre, axis=1)
        ratios = [
            (spreads[k] + spreads[other]) / distance if distance > 0 else np.inf
            for other, distance in enumerate(distances)
            if other != k
        ]
        worst.append(max(ratios))
    return float(np.mean(worst))


def silhouette(points: Floats64, found: Partition) -> float:
    """Return the mean silhouette of the points of at least two clusters."""
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    sums = np.stack([distances[:, own].sum(1) for own in found.clusters], axis=1)  # [points, K]
    sizes = np.array([len(own) for own in found.clusters])
    scores = []
    for point, label in enumerate(found.labels):
        if sizes[label] == 1:
            scores.append(0.0)
            continue
        within = sums[point, label] / (sizes[label] - 1)
        nearest = min(sums[point, other] / sizes[other] for other in range(len(sizes)) if other != label)
        largest = max(within, nearest)
        scores.append((nearest - within) / largest if largest > 0 else 0.0)
    return float(np.mean(scores))
