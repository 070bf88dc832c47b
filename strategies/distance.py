"""How far apart the agents' networks are when they come to be aggregated: what averaging has to bridge.

Where local training pulls networks apart, their average can be worse than each of them ("client drift", Karimireddy
et al. 2020, arXiv 1910.06378).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flwr.app import ArrayRecord
from scipy.spatial.distance import pdist


def mean_distances(contents: Sequence[ArrayRecord]) -> dict[str, float]:
    """Return the mean over all pairs of agents of the Euclidean distance between them, by parameter name.

    contents: one record an agent, with the same names and shapes. Exactly 0 where all agents hold the same values;
    0 for a team of one. After aggregation all agents hold the aggregate, so every distance is 0 then.
    """
    return {name: _mean_distance([content[name].numpy() for content in contents]) for name in contents[0]}


def _mean_distance(arrays: Sequence[np.ndarray]) -> float:
    flat = np.stack([array.ravel() for array in arrays]).astype(np.float64)
    pairs = pdist(flat)  # [n (n - 1) / 2]
    return float(pairs.mean()) if pairs.size else 0.0
