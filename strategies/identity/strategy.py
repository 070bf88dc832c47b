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
from fedqmix.strategies.identity.choosing import Fit, Found, Rules, best, choose
from fedqmix.strategies.identity.partitions import Partition
from fedqmix.strategies.identity.question import ask_identities
from fedqmix.strategies.options import IdentitySettings

CLUSTER_OF, CENTRES = "identity.cluster_of", "identity.centres"
"""The names of a found partition in checkpoints: [agents] int64, and [K, latent] float64."""
FITS, COURSE, ENV_STEPS = "identity.fits", "identity.error", "identity.env_steps"
"""The names of its figures there: [tried, 3], [parts] and [1], float64 but for the last, int64."""


class FindsClusters(AveragePPS):
    """A strategy with clusters of agents: strategy.clusters as lists, or found when the agents join.

    The question about identities comes before the first round, and a checkpoint holds what was found.
    """

    settings: IdentitySettings
    found: Found | None = None
    """The clusters, and what they were chosen by; None before the agents have joined, and for given clusters."""
    identity_env_steps = 0

    def join(self, grid: Grid) -> ArrayRecord:
        """Ask all nodes for their agent index, and find the clusters unless they are known; see `TeamStrategy.join`.

        Raises ConfigurationError, with the figures, when the agents' identities form no clear clusters.
        """
        first = super().join(grid)
        if self.found is None and not self.given:
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
        assert self.found is not None, "the clusters are found when the agents join"
        return self.found.partition

    def state(self) -> dict[str, NDArray[Any]]:
        """See TeamStrategy; with the clusters that were found, and their figures."""
        if (found := self.found) is None:
            return super().state()
        figures = {FITS: np.array(found.fits), COURSE: np.array(found.course)}
        figures[ENV_STEPS] = np.array([self.identity_env_steps], np.int64)
        return super().state() | {CLUSTER_OF: found.partition.labels, CENTRES: found.partition.centres} | figures

    def load_state(self, named: Mapping[str, NDArray[Any]]) -> None:
        """See TeamStrategy."""
        super().load_state(named)
        if CLUSTER_OF in named:
            partition = Partition(np.array(named[CLUSTER_OF]), np.array(named[CENTRES]))
            fits = [Fit(int(k), float(index), float(score)) for k, index, score in named[FITS]]
            self.found = Found(partition, fits, best(fits), named[COURSE].tolist())
            self.identity_env_steps = int(named[ENV_STEPS][0])

    def figures(self) -> Mapping[str, Any]:
        """Return the clusters that were found, and what they were chosen by, beside the other figures."""
        if (found := self.found) is None:
            return super().figures()
        own = {
            "clusters": found.partition.clusters,
            "davies_bouldin": found.fit.davies_bouldin,
            "silhouette": found.fit.silhouette,
            "identity_error": list(found.course),
            "fits": [one._asdict() for one in found.fits],
            "identity_env_steps": self.identity_env_steps,
        }
        return {**super().figures(), "identity": own}

    def _find(self, grid: Grid) -> None:
        settings = self.settings
        planned = f"{settings.identity_episodes} episodes of random actions, {settings.identity_steps:,} gradient steps"
        self.announce(f"identities: {planned}; this may take minutes")
        means, course, counted = ask_identities(grid, self.nodes, settings, self.facts)
        self.identity_env_steps = counted.env_steps
        given = settings.clusters if isinstance(settings.clusters, int) else None
        rules = Rules(settings.identity_converged, settings.identity_silhouette, settings.smallest_cluster)
        self.found = choose(means, course, given, rules, self.seed)
        self.announce(f"identities: {self.found.text()} after {counted.env_steps:,} environment steps")


def given_partition(clusters: list[list[int]]) -> Partition:
    """Return the partition of given clusters, with one-hot centres."""
    labels = {agent: number for number, own in enumerate(clusters) for agent in own}
    centres: Floats64 = np.eye(len(clusters))
    return Partition(np.array([labels[agent] for agent in range(len(labels))], np.int64), centres)
