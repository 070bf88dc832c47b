"""The terrain of a map: passable cells, and shortest paths around corners."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.arrays import GROUND
from fedqmix.envs.skirmish.compile import inner, kernel
from fedqmix.runtime.core.world import Bools, Floats, Floats64

Cells = NDArray[np.int16]

STAIRS = 1.06  # largest ratio of hull to area that counts as convex; cells turn slopes into stairs
WIDTH = 0.3  # cells; half the least width of a path


class Terrain(NamedTuple):
    """The terrain of a map, as the compiled code reads it."""

    walkable: Bools  # [x, y] the cells that the interface shows
    height: Floats  # [x, y] 0..1
    passable: Bools  # [planes, x, y] whether units of a plane (arrays.GROUND, ...) can stand in a cell
    winding: bool  # whether there are corners to walk around at all
    number: Cells  # [x, y] number of the nearest walkable cell; all 0 if not winding
    centre: Floats64  # [cells, 2] middle of each numbered cell
    waypoint: Cells  # [from cell, to cell] the cell to walk to: the next corner, or the destination


def make_terrain(record: MapRecord) -> Terrain:
    """Compute a map's terrain. This takes some tens of milliseconds on maps with corners."""
    passable = np.stack([record.walkable, np.ones_like(record.walkable), record.walkable | record.cliffs])
    walkable = _around_spawns(record)
    cells = np.argwhere(walkable)
    if _is_convex(cells):
        nothing = np.zeros((1, 1), np.int16)
        everywhere_same = np.zeros_like(walkable, dtype=np.int16)
        return Terrain(record.walkable, record.height, passable, False, everywhere_same, np.zeros((1, 2)), nothing)
    everywhere = np.argwhere(np.ones_like(walkable))
    distances = np.square(everywhere[:, None] - cells[None]).sum(-1)
    number = distances.argmin(1).astype(np.int16).reshape(walkable.shape)
    waypoint = np.tile(np.arange(len(cells), dtype=np.int16), (len(cells), 1))  # straight where no path exists
    length = np.zeros(len(cells))
    settled = np.zeros(len(cells), np.bool_)
    find_ways(walkable, number, cells, waypoint, length, settled)
    centre = cells.astype(np.float64, order="C") + 0.5  # argwhere's order would be a type of its own for the compiler
    return Terrain(record.walkable, record.height, passable, True, number, centre, waypoint)


def _around_spawns(record: MapRecord) -> Bools:
    """Return the walkable cells that units can reach from their starting places: [x, y].

    The other walkable cells lie behind walls.
    """
    from scipy import ndimage  # slow to import, and needed once per map

    regions, _ = ndimage.label(record.walkable, structure=np.ones((3, 3)))
    begins = {int(regions[int(group.x), int(group.y)]) for group in (*record.allies, *record.enemies)} - {0}
    reached: Bools = np.isin(regions, list(begins))
    return reached


def _is_convex(cells: NDArray[np.int64]) -> bool:
    """Return whether every pair of cells is joined by a straight walk.

    Units slide along stairs of at most two cells.
    """
    from scipy.spatial import ConvexHull

    corners = np.concatenate([cells + corner for corner in ((0, 0), (0, 1), (1, 0), (1, 1))])
    return float(ConvexHull(corners).volume) <= STAIRS * len(cells)


@kernel
def find_ways(
    walkable: Bools,
    number: Cells,
    cells: NDArray[np.int64],
    waypoint: Cells,
    length: Floats64,
    settled: Bools,
) -> None:
    """Fill waypoint[from, to] by Dijkstra's algorithm from every cell, with straight shortcuts.

    The algorithm is Basic Theta* (Daniel et al., JAIR 2010) without a heuristic: a cell's waypoint is its neighbour's
    waypoint if that is in sight, else the neighbour. length: [cells], settled: [cells], scratch.
    """
    count = cells.shape[0]
    for goal in range(count):
        for cell in range(count):
            length[cell] = np.inf
            settled[cell] = False
        length[goal] = 0.0
        for _ in range(count):
            nearest = -1
            for cell in range(count):
                if not settled[cell] and length[cell] < np.inf and (nearest < 0 or length[cell] < length[nearest]):
                    nearest = cell
            if nearest < 0:
                break
            settled[nearest] = True
            _look_around(walkable, number, cells, waypoint, length, settled, goal, nearest)


@inner
def _look_around(
    walkable: Bools,
    number: Cells,
    cells: NDArray[np.int64],
    waypoint: Cells,
    length: Floats64,
    settled: Bools,
    goal: int,
    nearest: int,
) -> None:
    """Update the paths of a settled cell's neighbours, which lead over the cell or past it.

    Diagonal neighbours count: units can pass between two corners.
    """
    x, y = cells[nearest, 0], cells[nearest, 1]
    for step_x in range(-1, 2):
        for step_y in range(-1, 2):
            column, row = x + step_x, y + step_y
            if not (0 <= column < walkable.shape[0] and 0 <= row < walkable.shape[1]) or not walkable[column, row]:
                continue
            cell = number[column, row]
            if settled[cell]:
                continue
            over = nearest
            further = waypoint[nearest, goal]
            if in_sight(walkable, cells, cell, further):
                over = further
            total = length[over] + _between(cells, cell, over)
            if total < length[cell]:
                length[cell] = total
                waypoint[cell, goal] = over


@inner
def _between(cells: NDArray[np.int64], one: int, other: int) -> float:
    dx, dy = float(cells[other, 0] - cells[one, 0]), float(cells[other, 1] - cells[one, 1])
    return sqrt(dx * dx + dy * dy)


@inner
def in_sight(walkable: Bools, cells: NDArray[np.int64], one: int, other: int) -> bool:
    """Return whether the straight line between two cells' middles is walkable.

    WIDTH on either side must be walkable too.
    """
    dx, dy = cells[other, 0] - cells[one, 0], cells[other, 1] - cells[one, 1]
    length = sqrt(float(dx * dx + dy * dy))
    if length == 0.0:
        return True
    aside_x, aside_y = -dy / length * WIDTH, dx / length * WIDTH
    steps = int(length * 4) + 1
    for step in range(steps + 1):
        x = cells[one, 0] + 0.5 + dx * step / steps
        y = cells[one, 1] + 0.5 + dy * step / steps
        if not walkable[int(x + aside_x), int(y + aside_y)] or not walkable[int(x - aside_x), int(y - aside_y)]:
            return False
    return True


@inner
def is_passable(terrain: Terrain, plane: int, x: float, y: float) -> bool:
    """Return whether units of a plane can stand at a point."""
    inside = x >= 0.0 and y >= 0.0 and x < terrain.passable.shape[1] and y < terrain.passable.shape[2]
    return inside and bool(terrain.passable[plane, int(x), int(y)])


@inner
def heading(terrain: Terrain, plane: int, x: float, y: float, goal_x: float, goal_y: float) -> tuple[float, float]:
    """Return the next point of a straight walk from (x, y) to a goal: the goal or a corner."""
    if not terrain.winding or plane != GROUND:
        return goal_x, goal_y
    here, there = _cell(terrain, x, y), _cell(terrain, goal_x, goal_y)
    corner = terrain.waypoint[here, there]
    if corner == there:
        return goal_x, goal_y
    return terrain.centre[corner, 0], terrain.centre[corner, 1]


@inner
def _cell(terrain: Terrain, x: float, y: float) -> int:
    column = min(max(int(x), 0), terrain.number.shape[0] - 1)
    row = min(max(int(y), 0), terrain.number.shape[1] - 1)
    return int(terrain.number[column, row])
