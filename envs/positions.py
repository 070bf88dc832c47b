"""The true places and conditions of all units, and the paths between a map's cells.

Scripted policies and comparisons read them; agents never do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from fedqmix.envs.maps import load_map
from fedqmix.envs.units import UnitType, combat_constants, hit_damage, unit_names, unit_type
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.world import Bools, Replayable, World

Units = NDArray[np.void]
"""[episodes, units], allies first, with the fields of POSITION; further fields are ignored."""
Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

POSITION = np.dtype(
    [
        ("x", np.float64),  # map cells
        ("y", np.float64),
        ("health", np.float64),  # 0 when dead
        ("shield", np.float64),
        ("cooldown", np.float64),  # game loops until the weapon is ready
        ("energy", np.float64),
        ("kind", np.int64),  # index into envs.units.unit_names()
    ]
)


@runtime_checkable
class ShowsAllBattles(Protocol):
    """A world that returns the units of all its episodes at once."""

    def units_of_all_battles(self) -> NDArray[Any]:
        """Return records [episodes, units], allies first, with at least POSITION's fields."""


def read_units(world: World, episodes: int) -> Units:
    """Return the units of all episodes of a world's batch: [episodes, units].

    episodes: the number of episodes in the batch. The array is the world's own if it ShowsAllBattles, else it is
    assembled from snapshots. Raises WorldError for a world without units.
    """
    if isinstance(world, ShowsAllBattles):
        return world.units_of_all_battles()
    if not isinstance(world, Replayable):
        raise WorldError(f"{world.spec.map} has no units.")
    numbers = {name: number for number, name in enumerate(unit_names())}
    healers = {name for name in unit_names() if unit_type(name).weapon is None}
    rows = []
    for episode in range(episodes):
        row = []
        for unit in world.snapshot(episode):
            last, heals = unit.energy_or_cooldown, unit.type in healers
            weapon, energy = (0.0, last) if heals else (last, 0.0)
            row.append((unit.x, unit.y, unit.health, unit.shield, weapon, energy, numbers[unit.type]))
        rows.append(row)
    return np.array(rows, dtype=POSITION)


@dataclass(frozen=True)
class Kinds:
    """Properties of the kinds of units, indexed by the field `kind`. Lengths in map cells."""

    health: Numbers  # [kinds], full health
    shield: Numbers  # [kinds], full shield
    radius: Numbers  # [kinds]
    stride: Numbers  # [kinds], distance walked in an environment step
    reach: Numbers  # [kinds], weapon range from edge to edge, -1 without a weapon
    heals: Bools  # [kinds]
    healed: Bools  # [kinds], whether a healer can heal the kind
    can_hit: Bools  # [attacker, target]
    damage: Numbers  # [attacker, target], health lost to one attack; 0 where the attacker cannot hit


@cache
def kinds() -> Kinds:
    """Return the properties of all kinds of units."""
    types = [unit_type(name) for name in unit_names()]
    constants = combat_constants()
    seconds = constants.loops_per_env_step / constants.loops_per_second
    return Kinds(
        health=np.array([one.health for one in types]),
        shield=np.array([one.shield for one in types]),
        radius=np.array([one.radius for one in types]),
        stride=np.array([one.speed * seconds for one in types]),
        reach=np.array([-1.0 if one.weapon is None else one.weapon.range for one in types]),
        heals=np.array([one.weapon is None for one in types]),
        healed=np.array(["biological" in one.attributes and one.weapon is not None for one in types]),
        can_hit=np.array([[hit_damage(one, other) is not None for other in types] for one in types]),
        damage=np.array([[_attack_damage(one, other) for other in types] for one in types]),
    )


def _attack_damage(attacker: UnitType, target: UnitType) -> float:
    """Return the damage of one attack with all its hits, to its target alone."""
    a_hit = hit_damage(attacker, target)
    if attacker.weapon is None or a_hit is None:
        return 0.0
    return max(a_hit - target.armour, combat_constants().minimum_damage) * attacker.weapon.hits


class Ways:
    """The shortest paths between a map's cells along the four directions."""

    def __init__(self, walkable: Bools) -> None:
        """Compute the lengths of all paths. walkable: [x, y], one flag per cell."""
        self._shape = walkable.shape
        self._walkable = walkable
        cells = np.arange(walkable.size).reshape(walkable.shape)
        steps = []
        for one, other in ((np.s_[:-1, :], np.s_[1:, :]), (np.s_[:, :-1], np.s_[:, 1:])):
            both = walkable[one] & walkable[other]
            steps.append(np.stack([cells[one][both], cells[other][both]]))
        first, second = np.concatenate(steps, axis=1)
        graph = csr_array((np.ones(first.size), (first, second)), shape=(walkable.size, walkable.size))
        lengths = shortest_path(graph, directed=False, unweighted=True)
        self._lengths = np.where(np.isfinite(lengths), lengths, -1).astype(np.int16)
        nearest = distance_transform_edt(~walkable, return_distances=False, return_indices=True)
        self._footing = nearest[0] * walkable.shape[1] + nearest[1]

    def length(self, x: Numbers, y: Numbers, to_x: Numbers, to_y: Numbers) -> Whole:
        """Return the lengths of the paths between places in cells; -1 without a path.

        The path of a place on unwalkable ground begins at the nearest walkable cell.
        """
        return self._lengths[self._cell(x, y), self._cell(to_x, to_y)].astype(np.int64)

    def walkable(self, x: Numbers, y: Numbers) -> Bools:
        """Return which places lie on walkable cells of the map."""
        column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        inside = (column >= 0) & (column < self._shape[0]) & (row >= 0) & (row < self._shape[1])
        walkable: Bools = inside & self._walkable[np.where(inside, column, 0), np.where(inside, row, 0)]
        return walkable

    def _cell(self, x: Numbers, y: Numbers) -> Whole:
        column = np.clip(x.astype(np.int64), 0, self._shape[0] - 1)
        row = np.clip(y.astype(np.int64), 0, self._shape[1] - 1)
        cell: Whole = self._footing[column, row]
        return cell


@cache
def ways(map: str) -> Ways:
    """Return the paths of a map. Raises ConfigurationError for an unknown map."""
    return Ways(load_map(map).walkable)
