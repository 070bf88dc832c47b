"""Cells of the grid, compiled: neighbours, and which moves and loads a player's cell allows."""

from __future__ import annotations

from fedqmix.envs.lbf.arrays import COLUMN, LEVEL, ROW
from fedqmix.envs.lbf.compile import inner
from fedqmix.runtime.core.world import Integers

NORTH, SOUTH, WEST, EAST, LOAD = range(1, 6)
"""The actions after 0, which does nothing: one row up, down, one column left, right; load."""


@inner
def row_change(action: int) -> int:
    """Return the rows by which an action moves."""
    if action == NORTH:
        return -1
    return 1 if action == SOUTH else 0


@inner
def column_change(action: int) -> int:
    """Return the columns by which an action moves."""
    if action == WEST:
        return -1
    return 1 if action == EAST else 0


@inner
def may_move(side: int, foods: Integers, row: int, column: int, action: int) -> bool:
    """Return whether an action moves from a cell to another of the grid that holds no food."""
    row += row_change(action)
    column += column_change(action)
    if action < NORTH or action > EAST or row < 0 or row >= side or column < 0 or column >= side:
        return False
    free = True
    for food in range(foods.shape[0]):
        free = free and not (foods[food, ROW] == row and foods[food, COLUMN] == column)
    return free


@inner
def is_beside_food(foods: Integers, row: int, column: int) -> bool:
    """Return whether a food is beside a cell."""
    for food in range(foods.shape[0]):
        if foods[food, LEVEL] > 0 and is_beside(row, column, foods[food, ROW], foods[food, COLUMN]):
            return True
    return False


@inner
def is_beside(row: int, column: int, other_row: int, other_column: int) -> bool:
    """Return whether two cells have a side in common."""
    return abs(row - other_row) + abs(column - other_column) == 1
