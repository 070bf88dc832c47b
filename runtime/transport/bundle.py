"""Named arrays as one row of bytes, and back (safetensors).

Flower sends every array of a message separately, with several calls and database statements each. A network of a dozen
small arrays took seconds of a SuperLink's time per round; one row of bytes pays this cost once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from flwr.app import Array, ArrayRecord, RecordDict
from numpy.typing import NDArray

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import RefusedError

ORDER = "order"
"""The metadata entry with the names in order, as JSON."""
_LENGTH = 8  # bytes of the header's length at the beginning (the safetensors format)


def bundle(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """Return the arrays, in their order, as one row of bytes."""
    order = {ORDER: json.dumps(list(arrays))}  # safetensors sorts by name
    data = safetensors.numpy.save({name: np.asarray(value, order="C") for name, value in arrays.items()}, order)
    return np.frombuffer(data, np.uint8)


def unbundle(row: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a bundle, in their order. Raises RefusedError when the bytes are not a valid bundle."""
    if row.dtype != np.uint8 or row.ndim != 1:
        raise RefusedError(f"A bundle of arrays is one row of bytes; got {row.dtype} of shape {row.shape}.")
    data = row.tobytes()
    try:
        arrays = safetensors.numpy.load(data)
        header = json.loads(data[_LENGTH : _LENGTH + int.from_bytes(data[:_LENGTH], "little")])
        return {name: arrays[name] for name in json.loads(header["__metadata__"][ORDER])}
    except Exception as error:  # any error of these libraries on invalid bytes
        raise RefusedError(f"A bundle of arrays cannot be read: {type(error).__name__}.") from None


def closed(content: RecordDict) -> RecordDict:
    """Return Flower's records with all arrays in one bundle, to be sent."""
    arrays = content.array_records.get(m.ARRAYS)
    if arrays is None:
        return content
    row = bundle({name: array.numpy() for name, array in arrays.items()})
    return RecordDict({**content, m.ARRAYS: ArrayRecord({m.BUNDLE: Array(row)})})


def opened(content: RecordDict) -> RecordDict:
    """Return Flower's records with the bundle's arrays by name. Raises RefusedError when they cannot be read."""
    arrays = content.array_records.get(m.ARRAYS)
    if arrays is None or list(arrays) != [m.BUNDLE]:
        return content
    try:
        row = arrays[m.BUNDLE].numpy()
    except Exception as error:  # any error of Flower on invalid bytes
        raise RefusedError(f"A bundle of arrays cannot be read: {type(error).__name__}.") from None
    named = unbundle(row)
    return RecordDict({**content, m.ARRAYS: ArrayRecord({name: Array(value) for name, value in named.items()})})
