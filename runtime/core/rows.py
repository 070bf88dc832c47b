"""Rows: the named tensors that cross the cut between the two halves of an algorithm.

An algorithm is one autograd graph cut in two. The agent half computes rows from private episodes. The team half
computes a loss from rows, states and team rewards; the gradients of the differentiable rows come back. Each algorithm
declares its rows once. The wire format, the privacy table and the tests follow from the declaration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from fedqmix.runtime.core.timeline import Timeline

BYTES = {"float32": 4, "int64": 8, "bool": 1}
"""The types of rows, with the bytes of one number on the wire."""


class Row(NamedTuple):
    """One named tensor [agents, count, *shape] that agents send in each training step."""

    name: str  # such as "q_taken"
    discloses: str  # the information about the agent that the team's side obtains, in words
    shape: tuple[int, ...] = ()  # of one transition or moment: () for a number, (width,) for a vector
    dtype: str = "float32"  # one of BYTES
    differentiable: bool = False  # a gradient of the same shape comes back; float32 only
    per: Literal["transition", "moment"] = "transition"  # one entry each, in the order of runtime.core.timeline
    q_value: bool = False  # bounded by algorithm.max_q (server.bounds)

    def count(self, order: Timeline) -> int:
        """Return the number of entries that an agent sends for episodes in the layout `order`."""
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


def shown(names: Sequence[str]) -> str:
    """Return a few names as an error shows them: another party sent them, in any number and length."""
    first = ", ".join(repr(name[:40]) for name in names[:3])
    return first if len(names) <= 3 else f"{first} and {len(names) - 3} more"


def name_faults(found: Mapping[str, object], rows: Rows) -> str | None:
    """Return a text about missing and undeclared names; None when the names equal the declaration's."""
    declared = [row.name for row in rows]
    unknown = sorted(set(found) - set(declared))
    missing = [name for name in declared if name not in found]
    if not unknown and not missing:
        return None
    faults = [f"{shown(unknown)} not declared"] if unknown else []
    faults += [f"{', '.join(missing)} missing"] if missing else []
    return f"{' and '.join(faults)}; the algorithm's rows are {', '.join(declared)}"
