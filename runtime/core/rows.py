"""Rows: the named tensors that cross the cut between the two halves of an algorithm.

An algorithm is one autograd graph cut in two. The agent half computes rows from private episodes. The team half
computes a loss from rows, states and team rewards; the gradients of the differentiable rows come back. Each algorithm
declares its rows once. The wire format, the privacy table and the tests follow from the declaration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal, NamedTuple

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.timeline import Timeline

BYTES = {"float32": 4, "int64": 8, "uint8": 1, "bool": 1}
"""The types of rows, with the bytes of one number on the wire."""
N_ACTIONS = "n_actions"
"""The size in a declaration that stands for the number of actions (algorithms.base.AgentHalf.sizes)."""
Size = int | str
"""A number, or the name of one that depends on the task or the settings."""


class Row(NamedTuple):
    """One named tensor [agents, count, *shape] that agents send in each training step."""

    name: str  # such as "q_taken"
    discloses: str  # the information about the agent that the team's side obtains, in words
    shape: tuple[Size, ...] = ()  # of one transition or moment: () for a number, (width,) for a vector
    dtype: str = "float32"  # one of BYTES
    differentiable: bool = False  # a gradient of the same shape comes back; float32 only
    per: Literal["transition", "moment"] = "transition"  # one entry each, in the order of runtime.core.timeline
    q_value: bool = False  # bounded by algorithm.max_q (server.bounds)
    below: Size | None = None  # whole numbers from 0 to below - 1; the wire refuses others
    summed: bool = False  # the team half uses only the sum over the agents, so a secure sum could replace the row

    def count(self, order: Timeline) -> int:
        """Return the number of entries that an agent sends for episodes in the layout `order`."""
        return order.transitions if self.per == "transition" else order.moments

    @property
    def lengths(self) -> tuple[int, ...]:
        """The shape in numbers. Raises ValueError while it has names, which `sized` replaces."""
        if named := [length for length in self.shape if isinstance(length, str)]:
            raise ValueError(f"the size {named[0]!r} of {self.name} has no number yet")
        return tuple(int(length) for length in self.shape)

    @property
    def bytes(self) -> int:
        """The bytes of one entry on the wire. Raises ValueError as `lengths` does."""
        return BYTES[self.dtype] * prod(self.lengths)

    def sized(self, sizes: Mapping[str, int]) -> Row:
        """Return the row with numbers for named sizes.

        sizes: the numbers by name (algorithms.base.AgentHalf.sizes). Raises KeyError for a name without one, and
        ConfigurationError when the row's type does not hold all numbers below `below`.
        """
        below = sizes[self.below] if isinstance(self.below, str) else self.below
        if self.dtype == "uint8" and below is not None and below > 256:
            raise ConfigurationError(
                f"the algorithm sends the row {self.name} in one byte, so there are at most 256 values; the task has "
                f"{below}. Choose another algorithm or a task with at most 256 actions."
            )
        return self._replace(shape=tuple(_number(length, sizes) for length in self.shape), below=below)


Rows = Sequence[Row]


def _number(size: Size, sizes: Mapping[str, int]) -> int:
    return sizes[size] if isinstance(size, str) else size


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
