"""Arrays on the wire: dtype, shape and raw little-endian bytes, all checked before use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.transport.proto.tensor_pb2 import Tensor

DTYPES = {
    "bool": np.dtype("?"),
    "uint8": np.dtype("u1"),
    "int64": np.dtype("<i8"),
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
}
"""The dtypes that may be sent, with their form in the message."""
_NAMES = {np.dtype(name): name for name in DTYPES}  # dtype.name is slow, and there are many small arrays
MOST = 2**31 - 1
"""The maximum length of one axis; far more than a message can hold."""


def encode(array: NDArray[Any]) -> Tensor:
    """Return the message that holds a copy of an array of any shape.

    Raises RefusedError when its dtype is not one of DTYPES.
    """
    name = _NAMES.get(array.dtype) or _NAMES.get(array.dtype.newbyteorder("="))
    if name is None:
        raise RefusedError(f"An array of {array.dtype} cannot be sent; what can: {', '.join(DTYPES)}.")
    return Tensor(dtype=name, shape=array.shape, data=array.astype(DTYPES[name], copy=False).tobytes())


def decode(tensor: Tensor, name: str, dtype: DTypeLike, shape: Sequence[int | None], finite: bool = True) -> Any:
    """Return the array of a message, as a new array in this machine's byte order.

    name: the array's name, for errors. dtype, shape: the expected ones; None stands for any length.
    finite: refuse infinities and NaN.
    Raises RefusedError when the message holds another array.
    """
    expected = np.dtype(dtype)
    wanted = _NAMES[expected]
    if tensor.dtype != wanted:
        raise RefusedError(f"{name} must be {wanted}; got {tensor.dtype[:40]!r}.")
    found = tuple(tensor.shape)
    if found != shape:
        _require_shape(name, found, shape)
    data = tensor.data  # protobuf makes a copy each time
    size = math.prod(found) * expected.itemsize  # exact: Python's integers have no end
    if len(data) != size:
        raise RefusedError(f"{name} of shape {_short(found)} takes {size} bytes; got {len(data)}.")
    if wanted == "bool" and (others := data.translate(None, b"\0\1")):
        raise RefusedError(f"{name} must hold the bytes 0 and 1 only; got {others[0]}.")
    array = np.frombuffer(data, DTYPES[wanted]).astype(expected).reshape(found)
    if finite and expected.kind == "f" and not np.isfinite(array).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise RefusedError(f"{name} must be finite; got {array[first]} at {list(first)}.")
    return array


def _require_shape(name: str, found: tuple[int, ...], shape: Sequence[int | None]) -> None:
    if len(found) != len(shape) or any(want not in (None, have) for want, have in zip(shape, found, strict=True)):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise RefusedError(f"{name} must have the shape [{wanted}]; got {_short(found)}.")
    if any(length > MOST for length in found):
        raise RefusedError(f"{name} of shape {_short(found)} is too large.")


def _short(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape[:8]))}{', ...' if len(shape) > 8 else ''}]"
