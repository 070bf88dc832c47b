"""The units' starting places: ranks around the spawn points, the same in every battle."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np

from fedqmix.envs.maps import Group, MapRecord
from fedqmix.envs.units import unit_type
from fedqmix.runtime.core.world import Floats64

SPACING = 0.05  # cells between two neighbours' edges
EDGE = 0.01  # cells between a unit that was moved and the edge of walkable ground


def spawn_points(record: MapRecord) -> tuple[Floats64, Floats64]:
    """Return the starting places x and y [units], allies first.

    Groups with the same spawn point share one formation, which faces the other team. The enemies' formation is the
    mirror image of a formation of as many allies. Agents are numbered by (type, x, y) as in SMAC (init_units), enemies
    by order of creation.
    """
    facing = _facing(record)
    ally_x, ally_y = _onto_ground(record, *_side(record.allies, facing))
    enemy_x, enemy_y = _onto_ground(record, *_side(record.enemies, -facing))
    kinds = [group.unit for group in record.allies for _ in range(group.count)]
    order = sorted(range(len(kinds)), key=lambda unit: (kinds[unit], ally_x[unit], ally_y[unit]))
    return np.concatenate([ally_x[order], enemy_x]), np.concatenate([ally_y[order], enemy_y])


def _facing(record: MapRecord) -> Floats64:
    """Return the unit vector (x, y) from the allies to the enemies along one axis.

    The axis is the one, east or north, on which the teams' middles are farther apart.
    """
    ally, enemy = (
        np.average([(group.x, group.y) for group in side], axis=0, weights=[group.count for group in side])
        for side in (record.allies, record.enemies)
    )
    ahead = enemy - ally
    axis = int(np.abs(ahead).argmax())
    facing = np.zeros(2)
    facing[axis] = np.sign(ahead[axis])
    return facing


def _side(groups: tuple[Group, ...], facing: Floats64) -> tuple[Floats64, Floats64]:
    aside = np.array([-facing[1], facing[0]]) * np.sign(facing.sum())
    places = []
    for point in dict.fromkeys((group.x, group.y) for group in groups):
        here = [group for group in groups if (group.x, group.y) == point]
        offsets = _pack(here)
        places.append(np.array(point) + offsets[:, :1] * facing + offsets[:, 1:] * aside)
    x, y = np.concatenate(places).T
    return x, y


def _onto_ground(record: MapRecord, x: Floats64, y: Floats64) -> tuple[Floats64, Floats64]:
    """Move units on unwalkable ground to the nearest walkable spot.

    Units that overlap there part in the first game loops.
    """
    cells = np.argwhere(record.walkable)
    for unit in range(len(x)):
        if record.walkable[int(x[unit]), int(y[unit])]:
            continue
        spots = np.clip((x[unit], y[unit]), cells + EDGE, cells + 1 - EDGE)
        nearest = np.square(spots - (x[unit], y[unit])).sum(1).argmin()
        x[unit], y[unit] = spots[nearest]
    return x, y


def _pack(groups: list[Group]) -> Floats64:
    """Return the offsets [units, (ahead, aside)] of the units around one point.

    Units stand in ranks of ceil(sqrt(count)), the last one centred, at the distance that the largest unit needs.
    """
    count = sum(group.count for group in groups)
    width = ceil(sqrt(count))
    pitch = 2 * max(unit_type(group.unit).separation_radius for group in groups) + SPACING
    rank, file = np.divmod(np.arange(count), width)
    filled = np.minimum(count - rank * width, width)
    ahead = (rank - rank[-1] / 2) * pitch
    aside = (file - (filled - 1) / 2) * pitch
    return np.stack([ahead, aside], axis=1)
