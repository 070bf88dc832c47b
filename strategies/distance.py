"""Distances between the agents' networks before aggregation.

Local training can drive networks apart until their average is worse than each of them ("client drift", Karimireddy et
al. 2020, arXiv 1910.06378).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flwr.app import ArrayRecord


def mean_distances(contents: Sequence[ArrayRecord]) -> dict[str, float]:
    """Return the mean Euclidean distance over all pairs of agents, by parameter name.

    contents: one record per agent, with the same names and shapes. The distance is exactly 0 where all agents hold the
    same values, and for a team of one.
    """
    return {name: _mean_distance([content[name].numpy() for content in contents]) for name in contents[0]}


def _mean_distance(arrays: Sequence[np.ndarray]) -> float:
    # here, because every party imports the strategies, and scipy is slow to import
    from scipy.spatial.distance import pdist

    flat = np.stack([array.ravel() for array in arrays]).astype(np.float64)
    pairs = pdist(flat)  # [n (n - 1) / 2]
    return float(pairs.mean()) if pairs.size else 0.0
