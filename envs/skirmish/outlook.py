"""The terrain features of an observation: walkable cells and terrain heights."""

from __future__ import annotations

from fedqmix.envs.skirmish.compile import inner
from fedqmix.runtime.core.world import Bools, Floats

AROUND = ((0, 4), (0, -4), (4, 0), (-4, 0), (2, 2), (-2, -2), (2, -2), (-2, 2), (0, 0))
"""Offsets of the observed cells from the agent's own (get_surrounding_points with SMAC's move_amount of 2)."""


@inner
def is_walkable(walkable: Bools, x: float, y: float) -> bool:
    """Return whether the cell of a point is walkable (can_move, check_bounds).

    int() rounds towards zero, so x = -0.5 reads cell 0.
    """
    column, row = int(x), int(y)
    return is_inside(walkable.shape, column, row) and bool(walkable[column, row])


@inner
def is_inside(shape: tuple[int, int], column: int, row: int) -> bool:
    """Return whether the map has a cell."""
    return 0 <= column < shape[0] and 0 <= row < shape[1]


@inner
def write_pathing(walkable: Bools, x: float, y: float, agent: int, b: int, at: int, observations: Floats) -> int:
    """Write the walkability of eight cells, from index `at` on (get_surrounding_pathing).

    As in SMAC, cells beyond the map's edge count as walkable. Returns the index behind the last one.
    """
    for point in range(len(AROUND) - 1):
        column, row = int(x) + AROUND[point][0], int(y) + AROUND[point][1]
        outside = not is_inside(walkable.shape, column, row)
        observations[agent, b, at + point] = outside or walkable[column, row]
    return at + len(AROUND) - 1


@inner
def write_heights(height: Floats, x: float, y: float, agent: int, b: int, at: int, observations: Floats) -> int:
    """Write the heights of nine cells, from index `at` on (get_surrounding_height).

    The agent's own cell is the last.

    Cells beyond the map's edge have height 1. Returns the index behind the last one.
    """
    for point in range(len(AROUND)):
        column, row = int(x) + AROUND[point][0], int(y) + AROUND[point][1]
        inside = is_inside(height.shape, column, row)
        observations[agent, b, at + point] = height[column, row] if inside else 1.0
    return at + len(AROUND)
