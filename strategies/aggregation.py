"""Aggregation: the weighted sum of the agents' arrays, and checks of operands and result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from flwr.app import Array, ArrayRecord

from fedqmix.runtime.core.array_names import EXP_AVG_SQ
from fedqmix.runtime.core.errors import DivergenceError, FederationError
from fedqmix.strategies.weights import weighted_sum


def aggregate(contents: Sequence[ArrayRecord], weights: Sequence[float]) -> ArrayRecord:
    """Sum the agents' arrays with their weights, name by name.

    Raises FederationError as `require_alike` does.
    """
    require_alike(contents)
    return ArrayRecord(
        {name: Array(weighted_sum([content[name].numpy() for content in contents], weights)) for name in contents[0]}
    )


def require_alike(contents: Sequence[ArrayRecord]) -> None:
    """Check that the agents' arrays can be aggregated.

    Raises FederationError when two agents returned different names, shapes or types. Raises it also when a second Adam
    moment has a value below 0, because Adam takes its square root.
    """
    names = list(contents[0])
    for agent, content in enumerate(contents):
        if list(content) != names:
            raise FederationError(f"agent {agent} returned {list(content)}, agent 0 returned {names}")
        for name in names:
            own, expected = (f"{one.dtype} of shape {list(one.shape)}" for one in (content[name], contents[0][name]))
            if own != expected:
                raise FederationError(f"agent {agent} returned {name} as {own}, agent 0 as {expected}")
            if name.startswith(EXP_AVG_SQ) and (content[name].numpy() < 0).any():
                raise FederationError(f"agent {agent} returned {name} with values below 0; means of squares are not.")


def require_finite(aggregated: ArrayRecord, round_: int) -> ArrayRecord:
    """Return the aggregate.

    Raises DivergenceError when a value is not finite: sums of large numbers overflow.
    """
    for name, array in aggregated.items():
        if not np.isfinite(array.numpy()).all():
            raise DivergenceError(f"{name} after aggregation", f"round {round_}")
    return aggregated


def spread(values: Sequence[float], kept: Sequence[int], n_agents: int) -> list[float]:
    """Return the values of the agents in `kept` at their indices, 0 for the others: [n_agents].

    values: [kept]. Empty values give an empty list.
    """
    own = dict(zip(kept, values, strict=True)) if values else {}
    return [own.get(agent, 0.0) for agent in range(n_agents)] if values else []


def array_bytes(arrays: Mapping[str, Array]) -> int:
    """Return the bytes of all arrays."""
    return sum(len(array.data) for array in arrays.values())
