"""The choice of clusters from the agents' identities, and the reasons not to go on with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import Floats64
from fedqmix.strategies.identity.partitions import Partition, davies_bouldin, k_means, partition, silhouette


class Rules(NamedTuple):
    """When found clusters are refused or changed; the settings of the same meaning (strategies.options)."""

    converged: float  # strategy.identity_converged
    silhouette: float  # strategy.identity_silhouette
    smallest: int  # strategy.smallest_cluster


class Fit(NamedTuple):
    """How well a number of clusters fits."""

    clusters: int
    davies_bouldin: float
    silhouette: float


class Found(NamedTuple):
    """The chosen partition, and what it was chosen by."""

    partition: Partition
    fits: Sequence[Fit]  # of each number of clusters that was tried
    fit: Fit  # of the chosen one, before small clusters were merged
    course: Sequence[float]  # the identity model's error over its training, mean over the agents

    def text(self) -> str:
        """Return the clusters and the figures in a sentence."""
        listed = ", ".join(str(own).replace(" ", "") for own in self.partition.clusters)
        return (
            f"clusters {listed} (Davies-Bouldin {self.fit.davies_bouldin:.3f}, silhouette {self.fit.silhouette:.3f}, "
            f"error {self.course[-1]:.4g})"
        )


def choose(means: Floats64, course: Sequence[float], clusters: int | None, rules: Rules, seed: int) -> Found:
    """Return the clusters of agents by their identities.

    means: [agents, latent]. course: the identity model's error over the tenths of its training. clusters: K; None: the
    K from 2 to N/2 with the smallest Davies-Bouldin index. A cluster below rules.smallest joins the one with the
    nearest centre.
    Raises ConfigurationError, with the figures, when the identity model has not converged, and when no K fits.
    """
    if len(course) > 1 and course[-1] < rules.converged * course[-2]:
        raise ConfigurationError(
            f"the identity model has not converged: in the last two tenths of its training its error fell from "
            f"{course[-2]:.4g} to {course[-1]:.4g}, below strategy.identity_converged={rules.converged:g} of it. "
            "Raise strategy.identity_steps, or set strategy.clusters to types or to lists of agents."
        )
    tried = {k: k_means(means, k, seed) for k in ([clusters] if clusters else range(2, max(2, len(means) // 2) + 1))}
    partitions = {k: found for k, found in tried.items() if found is not None}
    fits = [Fit(k, davies_bouldin(means, one), silhouette(means, one)) for k, one in partitions.items() if k > 1]
    if clusters is not None:
        if clusters not in partitions:
            raise ConfigurationError(
                f"the agents' identities do not form strategy.clusters={clusters} clusters: too many are equal. Set a "
                "smaller number, types, or lists of agents."
            )
        fit = best(fits)
    else:
        fit = best(fits)
        if fit.silhouette < rules.silhouette:
            raise ConfigurationError(
                f"the agents' identities form no clear clusters: the best number has silhouette {fit.silhouette:.3f}, "
                f"below strategy.identity_silhouette={rules.silhouette:g}.{_table(fits)} If the agents are alike, use "
                "strategy=a_pps or full_sharing. Else raise strategy.identity_episodes or identity_steps, or set "
                "strategy.clusters to a number, to types, or to lists of agents."
            )
    return Found(merged(means, partitions[fit.clusters], rules.smallest), fits, fit, course)


def best(fits: Sequence[Fit]) -> Fit:
    """Return the fit with the smallest Davies-Bouldin index; without any, one that no threshold accepts."""
    return min(fits, key=lambda one: one.davies_bouldin, default=Fit(0, np.inf, -1.0))


def merged(means: Floats64, found: Partition, smallest: int) -> Partition:
    """Return the partition after each cluster with fewer than `smallest` agents has joined the nearest one."""
    while len(found.centres) > 1 and min(sizes := [len(own) for own in found.clusters]) < smallest:
        small = sizes.index(min(sizes))
        distances = np.linalg.norm(found.centres - found.centres[small], axis=1)
        distances[small] = np.inf
        labels = found.labels.copy()
        labels[labels == small] = int(distances.argmin())
        found = partition(means, labels)
    return found


def _table(fits: Sequence[Fit]) -> str:
    rows = "; ".join(f"K={k}: Davies-Bouldin {index:.3f}, silhouette {score:.3f}" for k, index, score in fits)
    return f" {rows}." if rows else ""
