"""Small matrix products for compiled loops: C = A B or C += A B.

They need no call, no copy and no thread. BLAS libraries are made for large matrices. Their speed with a few dozen
rows inside a loop depends on the library and the processor, and numba's interface to them cannot add to C. Here a
tile of C stays in vector registers while the loop runs over all columns of A: the inner loop of Goto and van de Geijn
(2008), written in LLVM's intermediate representation (runtime/kernels/tile.py) so that it fits any processor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fedqmix.runtime.kernels.compile import Compiler, Numbers
from fedqmix.runtime.kernels.tile import REGISTER_BYTES, TILE_ROWS, tile

_compiler = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", fastmath={"contract"})
inner, inline = _compiler.inner, _compiler.inline

WIDE, NARROW = 2 * REGISTER_BYTES, REGISTER_BYTES // 4  # bytes of a tile's row of C
_wide_tile, _wide_row = tile(TILE_ROWS, WIDE), tile(1, WIDE)
_narrow_tile, _narrow_row = tile(TILE_ROWS, NARROW), tile(1, NARROW)
_number = tile(1, 0)


@inline
def product(a: Numbers, b: Numbers, c: Numbers, added: bool) -> None:
    """Compute C = A B, or C += A B when added.

    a: [rows, depth], in any layout (a transposed view costs nothing). b: [depth, columns] and c: [rows, columns],
    both with contiguous rows. All have one type, float32 or float64. Neither a nor b may overlap c.
    """
    # Addresses instead of arrays: the slow compilation is done once for all layouts.
    multiply(
        a.ctypes.data,
        a.strides[0],
        a.strides[1],
        b.ctypes.data,
        b.strides[0],
        c.ctypes.data,
        c.strides[0],
        a.shape[0],
        a.shape[1],
        b.shape[1],
        added,
        c.dtype.type(0),
        c.itemsize,
    )


@inner
def multiply(
    a: int,
    a_row: int,
    a_column: int,
    b: int,
    b_row: int,
    c: int,
    c_row: int,
    rows: int,
    depth: int,
    columns: int,
    added: bool,
    like: Any,
    size: int,
) -> None:
    """Compute the product of matrices at addresses.

    The strides of the rows, and of a's columns, are in bytes. like: a number of the matrices' type. size: its bytes.
    """
    end, tiled = columns * size, rows // TILE_ROWS * TILE_ROWS
    at = 0
    while at + WIDE <= end:
        for row in range(0, tiled, TILE_ROWS):
            _wide_tile(a + row * a_row, a_row, a_column, b + at, b_row, c + at + row * c_row, c_row, depth, added, like)
        for row in range(tiled, rows):
            _wide_row(a + row * a_row, a_row, a_column, b + at, b_row, c + at + row * c_row, c_row, depth, added, like)
        at += WIDE
    while at + NARROW <= end:
        for row in range(0, tiled, TILE_ROWS):
            _narrow_tile(
                a + row * a_row, a_row, a_column, b + at, b_row, c + at + row * c_row, c_row, depth, added, like
            )
        for row in range(tiled, rows):
            _narrow_row(
                a + row * a_row, a_row, a_column, b + at, b_row, c + at + row * c_row, c_row, depth, added, like
            )
        at += NARROW
    while at < end:
        for row in range(rows):
            _number(a + row * a_row, a_row, a_column, b + at, b_row, c + at + row * c_row, c_row, depth, added, like)
        at += size


@inner
def copy(rows: Numbers, to: Numbers) -> None:
    """Copy a matrix. (An assignment of slices does the same and takes seconds to compile.)"""
    for row in range(to.shape[0]):
        for column in range(to.shape[1]):
            to[row, column] = rows[row, column]


@inner
def repeat(row: Numbers, to: Numbers) -> None:
    """Copy a row into every row of a matrix."""
    for i in range(to.shape[0]):
        for column in range(to.shape[1]):
            to[i, column] = row[column]
