"""Named arrays as bytes, and back (safetensors)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from fedqmix.runtime.core.errors import RefusedError

ORDER = "order"
"""The metadata entry with the names in order, as JSON."""
_LENGTH = 8  # bytes of the header's length at the beginning (the safetensors format)


def bundle(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the arrays, in their order, as bytes."""
    order = {ORDER: json.dumps(list(arrays))}  # safetensors sorts by name
    return safetensors.numpy.save({name: np.asarray(value, order="C") for name, value in arrays.items()}, order)


def unbundle(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a bundle, in their order. Raises RefusedError when the bytes are not a valid bundle."""
    try:
        arrays = safetensors.numpy.load(data)
        header = json.loads(data[_LENGTH : _LENGTH + int.from_bytes(data[:_LENGTH], "little")])
        return {name: arrays[name] for name in json.loads(header["__metadata__"][ORDER])}
    except Exception as error:  # any error of these libraries on invalid bytes
        raise RefusedError(f"A bundle of arrays cannot be read: {type(error).__name__}.") from None
