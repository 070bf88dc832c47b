"""Small matrix products for compiled loops: C = A B or C += A B, without a call, a copy or a thread.

BLAS libraries are made for large matrices; how fast they are with a few dozen rows inside a loop depends on the library
and the processor, and numba's way to them cannot add to what is there. Here a tile of C stays in the processor's vector
registers while it goes through all of A's columns: the inner loop of matrix multiplication as Goto and van de Geijn
(2008) describe it, in LLVM's words (kernels/tile.py), so that it fits any processor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kernels.compile import Compiler, Numbers
from kernels.tile import REGISTER_BYTES, TILE_ROWS, tile

inner = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", fastmath={"contract"}).inner


def _stripe(width: int) -> Any:
    """Make the function that computes as many columns of C as whole tiles of so many bytes have, from one on."""
    tile_of_many, tile_of_one = tile(TILE_ROWS, width), tile(1, width)

    def stripe(a: Numbers, b: Numbers, c: Numbers, added: bool, column: int) -> int:
        rows, depth = a.shape
        like = c.dtype.type(0)
        at_a, at_b, at_c = a.ctypes.data, b.ctypes.data, c.ctypes.data
        a_row, a_column = a.strides
        b_row, c_row = b.strides[0], c.strides[0]
        wide = width // c.itemsize
        while column + wide <= b.shape[1]:
            from_b, to_c = at_b + column * c.itemsize, at_c + column * c.itemsize
            row = 0
            while row + TILE_ROWS <= rows:
                from_a = at_a + row * a_row
                tile_of_many(from_a, a_row, a_column, from_b, b_row, to_c + row * c_row, c_row, depth, added, like)
                row += TILE_ROWS
            while row < rows:
                from_a = at_a + row * a_row
                tile_of_one(from_a, a_row, a_column, from_b, b_row, to_c + row * c_row, c_row, depth, added, like)
                row += 1
            column += wide
        return column

    return inner(stripe)


_two_registers, _one, _half, _quarter = (_stripe(2 * REGISTER_BYTES // part) for part in (1, 2, 4, 8))


@inner
def product(a: Numbers, b: Numbers, c: Numbers, added: bool) -> None:
    """Compute C = A B, or C += A B when added.

    a: [rows, depth], in any layout (a transposed view costs nothing). b: [depth, columns] and c: [rows, columns], both
    with contiguous rows; all of one type, float32 or float64. None may overlap c.
    """
    column = _two_registers(a, b, c, added, 0)
    column = _one(a, b, c, added, column)
    column = _half(a, b, c, added, column)
    column = _quarter(a, b, c, added, column)
    for last in range(column, b.shape[1]):
        for row in range(a.shape[0]):
            total = c[row, last] if added else c.dtype.type(0)
            for k in range(a.shape[1]):
                total += a[row, k] * b[k, last]
            c[row, last] = total
