"""The spaces of observations and states: what the numbers of a vector are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Flat:
    """A vector of numbers without further structure.

    dim: its length. names: the name of each number, such as "landmark_2_x"; empty when they are unknown.
    Raises ValueError for names of another number.
    """

    dim: int
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.names and len(self.names) != self.dim:
            raise ValueError(f"{len(self.names)} names for {self.dim} numbers")


@dataclass(frozen=True)
class Entities:
    """A table of entities, each with the same features, written row by row into one vector.

    count: the maximum number of entities; those that do not exist or are not seen are rows of zeros. features: their
    length. names: the name of each feature. rows: the name of each entity; either may be empty.
    Raises ValueError for names of another number.
    """

    count: int
    features: int
    names: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, names, length in (("features", self.names, self.features), ("entities", self.rows, self.count)):
            if names and len(names) != length:
                raise ValueError(f"{len(names)} names for {length} {what}")

    @property
    def dim(self) -> int:
        """The vector's length."""
        return self.count * self.features


Space = Flat | Entities
"""The space of an observation or a state."""
