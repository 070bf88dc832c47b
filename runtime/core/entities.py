"""Entity tables: how a flat vector is a table of entities, each with the same features.

Worlds write flat vectors (`runtime.core.world`). A table says which number of the vector is which feature of which
entity, so that networks and mixers can read entities of any number by the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass

ZERO, ONE = -1, -2
"""The sources of constants: a feature that an entity does not have, and a flag that it always has."""
NO_ACTION = -1
"""The action of an entity that no action targets."""


@dataclass(frozen=True)
class EntityTable:
    """Where the features of each entity lie in a vector. All rows have the same features.

    Entities are numbered for the whole team: the agents first, in agent order, then all others. So agents and mixer
    name the same entity by the same number, whichever row it has in one agent's observation.

    A row is visible unless all its numbers from the vector are 0, which is how worlds write entities that are not seen,
    dead or absent. An observer's own row, and in a state every agent's row, is always visible.
    """

    source: tuple[tuple[int, ...], ...]
    """[count][features], an index into the vector, ZERO or ONE."""
    names: tuple[str, ...] = ()
    """The name of each feature; empty when they are unknown."""
    rows: tuple[str, ...] = ()
    """The name of each row; empty when they are unknown."""
    own: tuple[int, ...] = ()
    """[agents], the row of each agent: of an observation the observer's own, of a state all agents' rows. One entry: it
    is that row for every observer."""
    numbers: tuple[tuple[int, ...], ...] = ()
    """[agents][count], the number of each row's entity for each observer. One list: it holds for every observer, or for
    a state. Empty: a row is not always the same entity, so entities have no numbers."""
    actions: tuple[int, ...] = ()
    """[entities] by number, the action that targets the entity, NO_ACTION for none; empty: no action has a target.
    Two entities may have one action, of which each acting unit can target only one (attack enemy 0, heal agent 0)."""

    def __post_init__(self) -> None:
        """Check that all parts fit together. Raises ValueError."""
        if not self.source or not self.source[0] or len({len(row) for row in self.source}) > 1:
            raise ValueError("a table needs at least one row and one feature, and rows of equal length")
        for what, names, length in (("features", self.names, self.features), ("rows", self.rows, self.count)):
            if names and len(names) != length:
                raise ValueError(f"{len(names)} names for {length} {what}")
        if any(not 0 <= row < self.count for row in self.own):
            raise ValueError(f"own rows {self.own} of a table with {self.count} rows")
        if any(len(own) != self.count or len(set(own)) != self.count for own in self.numbers):
            raise ValueError("every observer needs one number for each row, each number once")
        if self.actions and not (self.numbers and self.own and len(self.actions) == self.entities):
            raise ValueError("actions need own rows, a number for every row and an action for every entity")

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.source)

    @property
    def features(self) -> int:
        """The length of a row."""
        return len(self.source[0])

    @property
    def entities(self) -> int:
        """The number of entities; the number of rows where these have no numbers."""
        return 1 + max((max(own) for own in self.numbers), default=self.count - 1)

    def own_row(self, agent: int) -> int:
        """Return an agent's own row."""
        return self.own[agent if len(self.own) > 1 else 0]

    def numbers_of(self, agent: int) -> tuple[int, ...]:
        """Return the number of each row's entity for an observer: [count]; the rows' places where there are none."""
        return self.numbers[agent if len(self.numbers) > 1 else 0] if self.numbers else tuple(range(self.count))

    def targets(self, agent: int) -> tuple[int, ...]:
        """Return the action with which an agent targets each row: [count], NO_ACTION for none and for its own row."""
        if not self.actions:
            return (NO_ACTION,) * self.count
        own = self.own_row(agent)
        return tuple(
            NO_ACTION if row == own else self.actions[number] for row, number in enumerate(self.numbers_of(agent))
        )

    def without(self, prefix: str) -> EntityTable:
        """Return the table without the features whose names begin with `prefix`."""
        kept = [place for place, name in enumerate(self.names) if not name.startswith(prefix)]
        if not self.names or len(kept) == len(self.names):
            return self
        source = tuple(tuple(row[place] for place in kept) for row in self.source)
        names = tuple(self.names[place] for place in kept)
        return EntityTable(source, names, self.rows, self.own, self.numbers, self.actions)
