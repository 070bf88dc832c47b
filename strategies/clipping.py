"""Norm clipping: bound each agent's update by a multiple of the median norm (Sun et al. 2019, arXiv 1911.07963).

    theta_i' = theta + min(1, c M / |theta_i - theta|) (theta_i - theta),    M = median_j |theta_j - theta|

theta are the shared parameters that agent i began the round with, theta_i those that it returned. The norm is the
2-norm over all parameters together. The paper's bound ("Can You Really Backdoor Federated Learning?", section 4) is a
constant; this one follows the team's median, because updates shrink during training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray

from fedqmix.runtime.core.array_names import kind_of
from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies.aggregation import require_alike

Named = Mapping[str, NDArray[np.float64]]


def clipped(
    contents: Sequence[ArrayRecord], begun_with: Sequence[ArrayRecord], multiple: float | None
) -> Sequence[ArrayRecord]:
    """Clip the agents' updates. multiple: c; None returns the contents unchanged.

    contents: one record per agent. begun_with: the arrays that each of them was sent, of the same names.
    Target networks and moments (strategies/beside.py) are bounded in the same way, each kind by its own median. An
    agent's smallest factor scales all its arrays. So its first and second moments stay consistent, as a mean of two
    consistent pairs, and second moments stay >= 0.
    Raises FederationError when names, shapes or types differ.
    """
    if multiple is None:
        return contents
    require_alike(contents)
    if set(contents[0]) != set(begun_with[0]):
        began, ended = ", ".join(begun_with[0]), ", ".join(contents[0])
        raise FederationError(f"agents returned {ended} in a round that began with {began}")
    # Sorted by name: sums depend on the order, and a resumed run's messages have a different one.
    starts = [{name: array.numpy().astype(np.float64) for name, array in sorted(one.items())} for one in begun_with]
    updates = [
        {name: content[name].numpy() - value for name, value in start.items()}
        for content, start in zip(contents, starts, strict=True)
    ]
    factors = np.ones(len(contents))
    for kind in dict.fromkeys(map(kind_of, starts[0])):
        norms = np.array([_norm(update, kind) for update in updates])
        bound = multiple * float(np.median(norms))
        factors = np.minimum(factors, np.divide(bound, norms, out=np.ones_like(norms), where=norms > bound))
    return [
        content if factor == 1 else _shortened(content, start, update, float(factor))
        for content, start, update, factor in zip(contents, starts, updates, factors, strict=True)
    ]


def _norm(update: Named, kind: str) -> float:
    squares = [float(np.sum(np.square(value))) for name, value in update.items() if kind_of(name) == kind]
    return float(np.sqrt(np.sum(squares)))


def _shortened(content: ArrayRecord, start: Named, update: Named, factor: float) -> ArrayRecord:
    return ArrayRecord(
        {name: Array((start[name] + factor * update[name]).astype(array.dtype)) for name, array in content.items()}
    )
