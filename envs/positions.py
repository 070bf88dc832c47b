"""Where everybody really is: all units of all battles as arrays, and the ways between the cells of a map.

Scripted players and comparisons read this; an agent never does.
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
from fedqmix.runtime.core.world import Bools, World

Units = NDArray[np.void]
"""[battles, units], allies first; the fields are those of POSITION, more do not matter."""
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
    """A world that lists the units of all its battles at once."""

    def units_of_all_battles(self) -> NDArray[Any]:
        """Return [battles, units] records, allies first, with the fields of POSITION among theirs."""


def read_units(world: World, battles: int) -> Units:
    """Return the units of all battles of a world's batch, [battles, units].

    battles: how many the batch has. One array where the world offers it, else put together from its snapshots.
    """
    if isinstance(world, ShowsAllBattles):
        return world.units_of_all_battles()
    numbers = {name: number for number, name in enumerate(unit_names())}
    healers = {name for name in unit_names() if unit_type(name).weapon is None}
    rows = []
    for battle in range(battles):
        row = []
        for unit in world.snapshot(battle):
            last, heals = unit.energy_or_cooldown, unit.type in healers
            weapon, energy = (0.0, last) if heals else (last, 0.0)
            row.append((unit.x, unit.y, unit.health, unit.shield, weapon, energy, numbers[unit.type]))
        rows.append(row)
    return np.array(rows, dtype=POSITION)


@dataclass(frozen=True)
class Kinds:
    """What players know of the kinds of units, indexed as `kind` is. Lengths in map cells."""

    health: Numbers  # [kinds], when unhurt
    shield: Numbers  # when whole
    radius: Numbers
    stride: Numbers  # walked in an environment step
    reach: Numbers  # of the weapon from edge to edge, -1 for none
    heals: Bools
    healed: Bools  # whom a healer can heal
    can_hit: Bools  # [attacker, target]
    damage: Numbers  # [attacker, target], what an attack takes off the health; 0 where it cannot be attacked


@cache
def kinds() -> Kinds:
    """Return the table of all kinds of units."""
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
    """Of one attack with all its hits, on its target alone."""
    a_hit = hit_damage(attacker, target)
    if attacker.weapon is None or a_hit is None:
        return 0.0
    return max(a_hit - target.armour, combat_constants().minimum_damage) * attacker.weapon.hits


class Ways:
    """How far it is from cell to cell of a map for who walks in the four directions; -1 where there is no way."""

    def __init__(self, walkable: Bools) -> None:
        """Measure all ways. walkable: [x, y], one flag per cell."""
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
        """Return the number of cells between places; who stands where nobody walks counts from the nearest cell."""
        return self._lengths[self._cell(x, y), self._cell(to_x, to_y)].astype(np.int64)

    def walkable(self, x: Numbers, y: Numbers) -> Bools:
        """Tell which places are on the map and on cells one can walk on."""
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
    """Return the ways of a map. Raises ConfigurationError for an unknown map."""
    return Ways(load_map(map).walkable)
