"""Atomic operations on int64 numbers that several threads share, for compiled code.

Each function takes an int64 array and the index of a number in it. All are sequentially consistent: a thread that
reads a changed number also reads everything that was written before the change.
"""

from __future__ import annotations

import os
import platform
from typing import Any

from fedqmix.runtime.kernels.numba_internals import get_item_pointer, intrinsic, ir, types

ORDER = "seq_cst"
INTEL = platform.machine() in ("x86_64", "AMD64")


def _address(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
    array_struct = context.make_array(array_type)(context, builder, array)
    return get_item_pointer(context, builder, array_type, array_struct, [at], wraparound=False)


def _call(builder: Any, name: str, returned: Any) -> None:
    function = builder.module.globals.get(name)
    builder.call(function or ir.Function(builder.module, ir.FunctionType(returned, []), name), [])


@intrinsic
def look(_typing: Any, numbers: Any, at: Any) -> Any:
    """look(numbers, at): load the number."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments)
        return builder.load_atomic(address, ORDER, 8)

    return types.int64(numbers, types.intp), write


@intrinsic
def put(_typing: Any, numbers: Any, at: Any, value: Any) -> Any:
    """put(numbers, at, value): store a value."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store_atomic(arguments[2], address, ORDER, 8)
        return context.get_dummy_value()

    return types.void(numbers, types.intp, types.int64), write


@intrinsic
def add(_typing: Any, numbers: Any, at: Any, value: Any) -> Any:
    """add(numbers, at, value): add a value to the number and return the previous value."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments[:2])
        return builder.atomic_rmw("add", address, arguments[2], ORDER)

    return types.int64(numbers, types.intp, types.int64), write


@intrinsic
def swap(_typing: Any, numbers: Any, at: Any, old: Any, new: Any) -> Any:
    """swap(numbers, at, old, new): store `new` if the number is `old`; return whether it was."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments[:2])
        outcome = builder.cmpxchg(address, arguments[2], arguments[3], ORDER)
        return builder.extract_value(outcome, 1)

    return types.boolean(numbers, types.intp, types.int64, types.int64), write


@intrinsic
def pause(_typing: Any) -> Any:
    """pause(): wait a moment, in a loop that waits for another thread."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if INTEL:
            _call(builder, "llvm.x86.sse2.pause", ir.VoidType())
        return context.get_dummy_value()

    return types.void(), write


@intrinsic
def give_up_turn(_typing: Any) -> Any:
    """give_up_turn(): yield the processor to other threads that are ready to run."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if os.name == "posix":
            _call(builder, "sched_yield", ir.IntType(32))
        return context.get_dummy_value()

    return types.void(), write
