"""Aggregation: what the agents return, weighed together name by name."""

from __future__ import annotations

from collections.abc import Sequence

from flwr.app import Array, ArrayRecord

from contracts.errors import FederationError
from strategies.weights import weighted_sum


def aggregate(contents: Sequence[ArrayRecord], weights: Sequence[float]) -> ArrayRecord:
    """Weigh networks together, name by name.

    Raises FederationError when the agents named different parameters, or of different shapes or types.
    """
    names = list(contents[0])
    for agent, content in enumerate(contents):
        if list(content) != names:
            raise FederationError(f"agent {agent} returned {list(content)}, agent 0 returned {names}")
        for name in names:
            own, expected = (f"{one.dtype} of shape {list(one.shape)}" for one in (content[name], contents[0][name]))
            if own != expected:
                raise FederationError(f"agent {agent} returned {name} as {own}, agent 0 as {expected}")
    return ArrayRecord(
        {name: Array(weighted_sum([content[name].numpy() for content in contents], weights)) for name in names}
    )


def array_bytes(arrays: ArrayRecord) -> int:
    """Bytes of the arrays in a record."""
    return sum(len(array.data) for array in arrays.values())
