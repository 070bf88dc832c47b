"""The spaces of observations and states: what the numbers of a vector are."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.runtime.core.entities import EntityTable
from fedqmix.runtime.core.errors import ConfigurationError


@dataclass(frozen=True)
class Flat:
    """A vector of numbers without further structure.

    dim: its length. names: the name of each number, such as "landmark_2_x"; empty when they are unknown.
    entities: how the vector is a table of entities; None: it is not one.
    Raises ValueError for names of another number, and for a table that reads beyond the vector.
    """

    dim: int
    names: tuple[str, ...] = ()
    entities: EntityTable | None = None

    def __post_init__(self) -> None:
        if self.names and len(self.names) != self.dim:
            raise ValueError(f"{len(self.names)} names for {self.dim} numbers")
        if self.entities is not None and max(max(row) for row in self.entities.source) >= self.dim:
            raise ValueError(f"the table of entities reads beyond the vector's {self.dim} numbers")


@dataclass(frozen=True)
class Entities:
    """A table of entities, each with the same features, written row by row into one vector.

    count: the maximum number of entities; those that do not exist or are not seen are rows of zeros. features: their
    length. names: the name of each feature. rows: the name of each entity; either may be empty. own, numbers, actions:
    see EntityTable.
    Raises ValueError for names of another number, and as EntityTable does.
    """

    count: int
    features: int
    names: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    own: tuple[int, ...] = ()
    numbers: tuple[tuple[int, ...], ...] = ()
    actions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for what, names, length in (("features", self.names, self.features), ("entities", self.rows, self.count)):
            if names and len(names) != length:
                raise ValueError(f"{len(names)} names for {length} {what}")
        _ = self.entities  # checks the rest

    @property
    def dim(self) -> int:
        """The vector's length."""
        return self.count * self.features

    @property
    def entities(self) -> EntityTable:
        """The table that reads the vector row by row."""
        starts = range(0, self.dim, self.features)
        source = tuple(tuple(range(start, start + self.features)) for start in starts)
        return EntityTable(source, self.names, self.rows, self.own, self.numbers, self.actions)


Space = Flat | Entities
"""The space of an observation or a state."""


def entity_table(space: Space, what: str) -> EntityTable:
    """Return the table of entities of a space, with its own rows.

    what: "observation" or "state", for the error. Raises ConfigurationError when the space is not a table.
    """
    table = space.entities
    if table is None or not table.own:
        raise ConfigurationError(
            f"this world has no entities: its {what} is a vector of {space.dim} numbers that no table divides into "
            "rows. Choose model=gru and an algorithm without entities, such as qmix, or a world with entities "
            "(docs/entities.md)."
        )
    return table
