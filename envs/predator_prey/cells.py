"""Cells of the grid, compiled: neighbours, and what they hold."""

from __future__ import annotations

from fedqmix.envs.predator_prey.arrays import COLUMN, DOWN, EMPTY, LEFT, PREY, RIGHT, ROW, UP
from fedqmix.envs.predator_prey.compile import inner
from fedqmix.runtime.core.world import Integers


@inner
def row_change(action: int) -> int:
    """Return the rows by which an action moves."""
    if action == UP:
        return -1
    return 1 if action == DOWN else 0


@inner
def column_change(action: int) -> int:
    """Return the columns by which an action moves."""
    if action == LEFT:
        return -1
    return 1 if action == RIGHT else 0


@inner
def is_inside(cells: Integers, row: int, column: int) -> bool:
    """Return whether a place is in the grid. cells: [side, side]."""
    return row >= 0 and column >= 0 and row < cells.shape[0] and column < cells.shape[1]


@inner
def holds(cells: Integers, row: int, column: int, what: int) -> bool:
    """Return whether a place is in the grid and holds EMPTY, AGENT or PREY."""
    return is_inside(cells, row, column) and cells[row, column] == what


@inner
def is_beside_prey(cells: Integers, row: int, column: int) -> bool:
    """Return whether one of the four neighbours of a place holds a prey."""
    found = False
    for move in range(RIGHT, UP + 1):
        found = found or holds(cells, row + row_change(move), column + column_change(move), PREY)
    return found


@inner
def free_moves(cells: Integers, row: int, column: int) -> int:
    """Return how many of the four neighbours of a place are in the grid and empty."""
    count = 0
    for move in range(RIGHT, UP + 1):
        if holds(cells, row + row_change(move), column + column_change(move), EMPTY):
            count += 1
    return count


@inner
def nth_free_move(cells: Integers, row: int, column: int, nth: int) -> int:
    """Return the move to the nth empty neighbour, in the order right, down, left, up."""
    left = nth
    for move in range(RIGHT, UP + 1):
        if holds(cells, row + row_change(move), column + column_change(move), EMPTY):
            if left == 0:
                return move
            left -= 1
    return 0


@inner
def move_to(cells: Integers, place: Integers, row: int, column: int, what: int) -> None:
    """Move an agent or a prey to an empty cell. place: [2], its own."""
    cells[place[ROW], place[COLUMN]] = EMPTY
    place[ROW], place[COLUMN] = row, column
    cells[row, column] = what


@inner
def is_beside(place: Integers, other: Integers) -> bool:
    """Return whether two places have a side in common."""
    distance: int = abs(place[ROW] - other[ROW]) + abs(place[COLUMN] - other[COLUMN])
    return distance == 1


@inner
def remove(cells: Integers, place: Integers) -> None:
    """Empty the cell of an agent or a prey."""
    cells[place[ROW], place[COLUMN]] = EMPTY
