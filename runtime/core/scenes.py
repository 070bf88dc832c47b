"""What replays draw of a world that is not a battle: its ground, its agents' looks, and the items among them.

A Scene holds what stays the same in an episode, a SceneMoment what changes with each environment step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from fedqmix.runtime.core.world import Floats64, Integers, Replayable


class Kind(StrEnum):
    """What an episode looks like; it decides the ground and the legend."""

    BATTLE = "battle"
    """Units of two sides with health, on a map."""
    PARTICLES = "particles"
    """Agents on a plane without borders; their paths are drawn."""
    GRID = "grid"
    """Agents in the cells of a grid."""


class ItemType(StrEnum):
    """The things that are drawn besides agents."""

    LANDMARK = "landmark"
    """The place to which a group of agents wants."""
    FOOD = "food"
    PREY = "prey"
    SHELF = "shelf"
    HOME = "home"
    """A cell in which shelves stand."""
    GOAL = "goal"
    """A cell to which shelves are delivered."""


class ItemState(IntEnum):
    """The state of an item at one moment."""

    GONE = 0
    THERE = 1
    WANTED = 2
    """There, and requested: a delivery is paid."""


class Heading(IntEnum):
    """Where an agent faces; y grows to the north."""

    NONE = -1
    """The agent has no direction."""
    NORTH = 0
    SOUTH = 1
    WEST = 2
    EAST = 3


NO_GROUP = -1
"""The group of an item without one."""
NO_LOAD = -1
"""The load of an agent that carries no item."""


class Item(NamedTuple):
    """The properties of an item that are constant in an episode."""

    type: ItemType
    label: str = ""  # drawn on it, such as a food's level
    group: int = NO_GROUP  # it has the colour of the agents of this group


@dataclass(frozen=True)
class Scene:
    """What stays the same in one episode.

    size: columns and rows of the grid; (0, 0) for particles, whose plane has no borders. action_names:
    [agents][n_actions]. groups: [agents], agents of one group have one colour. labels: [agents], the text on each
    agent; an empty one stands for the agent's number.
    """

    kind: Kind
    size: tuple[int, int]
    action_names: tuple[tuple[str, ...], ...]
    groups: tuple[int, ...]
    labels: tuple[str, ...]
    items: tuple[Item, ...]


class SceneMoment(NamedTuple):
    """What changes in one episode, besides the agents' positions, at one moment."""

    heading: Integers  # [agents], see Heading
    load: Integers  # [agents], the number of the item that the agent carries, or NO_LOAD
    item_x: Floats64  # [items], the item's centre in map cells, to the east
    item_y: Floats64  # [items], to the north
    item_state: Integers  # [items], see ItemState


@runtime_checkable
class HasScene(Replayable, Protocol):
    """A Replayable world that is not a battle. All its units are agents."""

    def scene(self, episode: int) -> Scene:
        """Return what stays the same in one episode of the current batch."""

    def scene_moment(self, episode: int) -> SceneMoment:
        """Return what has changed in one episode of the current batch, in arrays of its own."""
