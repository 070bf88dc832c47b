"""Where units stand when a battle begins: packed in ranks around their spawn point, the same in every battle."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np

from fedqmix.envs.maps import Group, MapRecord
from fedqmix.envs.units import unit_type
from fedqmix.runtime.core.world import Floats64

SPACING = 0.05  # cells between two neighbours' edges
EDGE = 0.01  # cells between who was moved and the edge of walkable ground


def spawn_points(record: MapRecord) -> tuple[Floats64, Floats64]:
    """Return x and y [units] of all units at the beginning, allies first.

    Groups with the same spawn point share one formation that faces the other team; the enemies' is the mirror image of
    the one that as many allies would take up. Agents are numbered by (type, x, y) as SMAC does (init_units);
    enemies by order of creation.
    """
    facing = _facing(record)
    ally_x, ally_y = _onto_ground(record, *_side(record.allies, facing))
    enemy_x, enemy_y = _onto_ground(record, *_side(record.enemies, -facing))
    kinds = [group.unit for group in record.allies for _ in range(group.count)]
    order = sorted(range(len(kinds)), key=lambda unit: (kinds[unit], ally_x[unit], ally_y[unit]))
    return np.concatenate([ally_x[order], enemy_x]), np.concatenate([ally_y[order], enemy_y])


def _facing(record: MapRecord) -> Floats64:
    """Unit vector (x, y) along the axis, east or north, on which the enemies' middle is farther from the allies'."""
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
    """Move who would stand on unwalkable ground to the nearest walkable spot; those who overlap there part later."""
    cells = np.argwhere(record.walkable)
    for unit in range(len(x)):
        if record.walkable[int(x[unit]), int(y[unit])]:
            continue
        spots = np.clip((x[unit], y[unit]), cells + EDGE, cells + 1 - EDGE)
        nearest = np.square(spots - (x[unit], y[unit])).sum(1).argmin()
        x[unit], y[unit] = spots[nearest]
    return x, y


def _pack(groups: list[Group]) -> Floats64:
    """Offsets [units, (ahead, aside)] of the units around one point: ranks of ceil(sqrt(count)), the last one centred.

    Neighbours keep the distance that the largest unit needs.
    """
    count = sum(group.count for group in groups)
    width = ceil(sqrt(count))
    pitch = 2 * max(unit_type(group.unit).separation_radius for group in groups) + SPACING
    rank, file = np.divmod(np.arange(count), width)
    filled = np.minimum(count - rank * width, width)
    ahead = (rank - rank[-1] / 2) * pitch
    aside = (file - (filled - 1) / 2) * pitch
    return np.stack([ahead, aside], axis=1)
