"""The base class of strategies that need clusters: given ones, or found by identity before the first round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flwr.app import ArrayRecord
from flwr.serverapp import Grid
from numpy.typing import NDArray

from fedqmix.runtime.core.world import Floats64
from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.identity.choosing import Found, choose
from fedqmix.strategies.identity.partitions import Partition
from fedqmix.strategies.identity.question import ask_identities
from fedqmix.strategies.options import IdentitySettings

CLUSTER_OF, CENTRES = "identity.cluster_of", "identity.centres"
"""The names of a found partition in checkpoints: [agents] int64, and [K, latent] float64."""


class FindsClusters(AveragePPS):
    """A strategy with clusters of agents: strategy.clusters as lists, or found when the agents join.

    The question about identities comes before the first round, and a checkpoint holds what was found.
    """

    settings: IdentitySettings
    found: Found | None = None
    """What the clusters were chosen by, in the process that found them."""
    _partition: Partition | None = None

    def join(self, grid: Grid) -> ArrayRecord:
        """Ask all nodes for their agent index, and find the clusters unless they are known; see `TeamStrategy.join`.

        Raises ConfigurationError, with the figures, when the agents' identities form no clear clusters.
        """
        first = super().join(grid)
        if self._partition is None and not self.given:
            self._find(grid)
        return first

    @property
    def given(self) -> bool:
        """Whether strategy.clusters names the agents of each cluster."""
        return isinstance(self.settings.clusters, list)

    @property
    def partition(self) -> Partition:
        """The clusters. The centre of a given one is its one-hot code: all centres are equally far."""
        if self.given:
            return given_partition(self.settings.clusters)
        assert self._partition is not None, "the clusters are found when the agents join"
        return self._partition

    def state(self) -> dict[str, NDArray[Any]]:
        """See TeamStrategy; with the clusters that were found."""
        one = self._partition
        return super().state() | ({} if one is None else {CLUSTER_OF: one.labels, CENTRES: one.centres})

    def load_state(self, named: Mapping[str, NDArray[Any]]) -> None:
        """See TeamStrategy."""
        super().load_state(named)
        if CLUSTER_OF in named:
            self._partition = Partition(np.array(named[CLUSTER_OF]), np.array(named[CENTRES]))

    def figures(self) -> Mapping[str, Any]:
        """Return the clusters, and what they were chosen by, beside the other figures."""
        if self._partition is None:
            return super().figures()
        own: dict[str, Any] = {"clusters": self._partition.clusters}
        if (found := self.found) is not None:
            own |= {"davies_bouldin": found.fit.davies_bouldin, "silhouette": found.fit.silhouette}
            own |= {"identity_error": list(found.course), "fits": [one._asdict() for one in found.fits]}
            own |= {"identity_env_steps": self.identity_env_steps}
        return {**super().figures(), "identity": own}

    def _find(self, grid: Grid) -> None:
        settings = self.settings
        planned = f"{settings.identity_episodes} episodes of random actions, {settings.identity_steps:,} gradient steps"
        self.announce(f"identities: {planned}")
        means, course, counted = ask_identities(grid, self.nodes, settings, self.facts)
        self.identity_env_steps = counted.env_steps
        given = settings.clusters if isinstance(settings.clusters, int) else None
        self.found = choose(means, course, given, settings.identity_silhouette, settings.smallest_cluster, self.seed)
        self._partition = self.found.partition
        self.announce(f"identities: {self.found.text()} after {counted.env_steps:,} environment steps")


def given_partition(clusters: list[list[int]]) -> Partition:
    """Return the partition of given clusters, with one-hot centres."""
    labels = {agent: number for number, own in enumerate(clusters) for agent in own}
    centres: Floats64 = np.eye(len(clusters))
    return Partition(np.array([labels[agent] for agent in range(len(labels))], np.int64), centres)
