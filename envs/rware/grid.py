"""The grid of a warehouse: highways, the homes of shelves, and goals.

    -XX-XX-XX-     X: a shelf's home
    -XX-XX-XX-     -: highway, on which no shelf is put down
    ----------     G: goal
    ----GG----

Blocks of shelves are 2 cells wide and COLUMN_HEIGHT high. The two middle columns of the lowest block are highway, for
agents that wait before a goal.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fedqmix.runtime.core.world import Bools

COLUMN_HEIGHT = 8


class Grid(NamedTuple):
    """A warehouse without agents. Cells are (x, y): x to the right, y downwards."""

    highways: Bools  # [height, width]
    goals: tuple[tuple[int, int], ...]  # in the order in which deliveries count
    homes: tuple[tuple[int, int], ...]  # the cell of each shelf at the start, row by row

    @property
    def height(self) -> int:
        """Rows of cells."""
        return int(self.highways.shape[0])

    @property
    def width(self) -> int:
        """Columns of cells."""
        return int(self.highways.shape[1])


def make_grid(rows: int, columns: int) -> Grid:
    """Return the grid of rows x columns blocks of shelves; the number of columns is odd."""
    height, width = (COLUMN_HEIGHT + 1) * rows + 2, 3 * columns + 1
    y, x = np.indices((height, width))
    middle = (x == width // 2 - 1) | (x == width // 2)
    streets = (x % 3 == 0) | (y % (COLUMN_HEIGHT + 1) == 0) | (y == height - 1)
    highways = streets | (middle & (y > height - COLUMN_HEIGHT - 3))
    goals = ((width // 2 - 1, height - 1), (width // 2, height - 1))
    return Grid(highways, goals, tuple((int(x), int(y)) for y, x in np.argwhere(~highways)))
