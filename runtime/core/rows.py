"""Rows: the named tensors that cross the cut between the two halves of an algorithm.

An algorithm is one autograd graph cut in two. The agent half turns private episodes into rows; the team half turns
rows,
states and team rewards into a loss; the gradients of the differentiable rows come back. Each algorithm declares its
rows once. The wire, the privacy table and the tests are made from the declaration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from fedqmix.runtime.core.timeline import Timeline

BYTES = {"float32": 4, "int64": 8, "bool": 1}
"""The types a row may have, with the bytes of one number on the wire."""


class Row(NamedTuple):
    """One named tensor that every agent sends to the team's side in each training step: [agents, count, *shape]."""

    name: str  # such as "q_taken"
    discloses: str  # in words: what the team's side learns about the agent from it
    shape: tuple[int, ...] = ()  # of one transition or moment: () is a number, (width,) a vector
    dtype: str = "float32"  # one of BYTES
    differentiable: bool = False  # a gradient of the same shape comes back; float32 only
    per: Literal["transition", "moment"] = "transition"  # count, in the order of runtime.core.timeline
    q_value: bool = False  # held to algorithm.max_q (server.bounds)

    def count(self, order: Timeline) -> int:
        """Return how many entries an agent sends for episodes laid out as `order`."""
        return order.transitions if self.per == "transition" else order.moments

    @property
    def bytes(self) -> int:
        """The bytes of one entry on the wire."""
        size = BYTES[self.dtype]
        for length in self.shape:
            size *= length
        return size


Rows = Sequence[Row]


def differentiable(rows: Rows) -> tuple[str, ...]:
    """Return the names of the rows whose gradients come back."""
    return tuple(row.name for row in rows if row.differentiable)


def name_faults(found: Mapping[str, object], rows: Rows) -> str | None:
    """Return in words which names are missing or not declared; None when the names are those of the declaration."""
    declared = [row.name for row in rows]
    unknown = sorted(set(found) - set(declared))
    missing = [name for name in declared if name not in found]
    if not unknown and not missing:
        return None
    faults = [f"{', '.join(map(repr, unknown))} not declared"] if unknown else []
    faults += [f"{', '.join(missing)} missing"] if missing else []
    return f"{' and '.join(faults)}; the algorithm's rows are {', '.join(declared)}"
