"""A tile of a matrix product in LLVM IR: sums in vector registers, one row of B at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from fedqmix.runtime.kernels.numba_internals import alloca_once, for_range, host_features, intrinsic, ir, types

AVX512 = bool(host_features().get("avx512f"))
REGISTER_BYTES = 64 if AVX512 else 32  # where registers are narrower, LLVM splits each vector over several
TILE_ROWS = 8 if AVX512 else 6  # of two registers each: the tile, two registers of B and one of A fit
FUSED = ("contract",)  # fused multiply-add, where the processor has it


def tile(rows: int, width: int) -> Callable[..., None]:
    """Make the function that computes a tile of C: `rows` rows of `width` bytes (0: one number).

    The function takes addresses and strides in bytes (a, a_row, a_column, b, b_row, c, c_row), the number of A's
    columns (depth), whether to add to C (added), and a number of C's type (like).
    """

    @intrinsic
    def of_c(
        typing_context: Any,
        a: Any,
        a_row: Any,
        a_column: Any,
        b: Any,
        b_row: Any,
        c: Any,
        c_row: Any,
        depth: Any,
        added: Any,
        like: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            size = like.bitwidth // 8
            _write(builder, rows, max(width, size), size, arguments)
            return context.get_dummy_value()

        return types.void(a, a_row, a_column, b, b_row, c, c_row, depth, added, like), generate

    return cast("Callable[..., None]", of_c)


def _write(builder: Any, rows: int, width: int, size: int, arguments: Any) -> None:
    """Emit the tile's instructions. size: bytes of a number."""
    a, a_row, a_column, b, b_row, c, c_row, depth, added, _ = arguments
    number = ir.FloatType() if size == 4 else ir.DoubleType()
    parts = max(width // REGISTER_BYTES, 1)
    vector = ir.VectorType(number, width // parts // size)
    word, zeros = a.type, ir.Constant(vector, [0.0] * vector.count)

    def place(base: Any, stride: Any, index: Any, part: int = 0) -> Any:
        offset = builder.add(builder.mul(stride, index), ir.Constant(word, part * width // parts))
        return builder.add(base, offset)

    def pointer(kind: Any, address: Any) -> Any:
        return builder.inttoptr(address, kind.as_pointer())

    def load(kind: Any, address: Any) -> Any:
        value = builder.load(pointer(kind, address))
        value.align = size
        return value

    indices = [ir.Constant(word, row) for row in range(rows)]
    sums = [(row, part, alloca_once(builder, vector)) for row in range(rows) for part in range(parts)]
    with builder.if_else(added) as (then, otherwise):
        with then:
            for row, part, total in sums:
                builder.store(load(vector, place(c, c_row, indices[row], part)), total)
        with otherwise:
            for _, _, total in sums:
                builder.store(zeros, total)
    with for_range(builder, depth) as loop:
        of_b = [load(vector, place(b, b_row, loop.index, part)) for part in range(parts)]
        column = place(a, a_column, loop.index)
        of_a = [_spread(builder, vector, load(number, place(column, a_row, indices[row]))) for row in range(rows)]
        for row, part, total in sums:
            more = builder.fmul(of_a[row], of_b[part], flags=FUSED)
            builder.store(builder.fadd(builder.load(total), more, flags=FUSED), total)
    for row, part, total in sums:
        store = builder.store(builder.load(total), pointer(vector, place(c, c_row, indices[row], part)))
        store.align = size


def _spread(builder: Any, vector: Any, value: Any) -> Any:
    """Broadcast one number to a vector."""
    index = ir.IntType(32)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(index, 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(index, vector.count), [0] * vector.count))
