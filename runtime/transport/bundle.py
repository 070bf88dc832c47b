"""Named arrays as one row of bytes, and back (safetensors).

Flower sends every array of a message on its own, with several calls and database statements each; a network of a dozen
small arrays cost a round seconds of a SuperLink's time. One row of bytes costs once.
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
"""The metadata that holds the names in their order, as JSON."""
_LENGTH = 8  # bytes at the beginning that say how long the header is (the safetensors format)


def bundle(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """Return the arrays, in their order, as one row of bytes."""
    order = {ORDER: json.dumps(list(arrays))}  # safetensors sorts by name
    data = safetensors.numpy.save({name: np.asarray(value, order="C") for name, value in arrays.items()}, order)
    return np.frombuffer(data, np.uint8)


def unbundle(row: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Return what `bundle` put together, in the same order. Raises RefusedError when it is none."""
    if row.dtype != np.uint8 or row.ndim != 1:
        raise RefusedError(f"A bundle of arrays is one row of bytes; got {row.dtype} of shape {row.shape}.")
    data = row.tobytes()
    try:
        arrays = safetensors.numpy.load(data)
        header = json.loads(data[_LENGTH : _LENGTH + int.from_bytes(data[:_LENGTH], "little")])
        return {name: arrays[name] for name in json.loads(header["__metadata__"][ORDER])}
    except Exception as error:  # whatever these libraries make of bytes that are no bundle
        raise RefusedError(f"A bundle of arrays cannot be read: {type(error).__name__}.") from None


def closed(content: RecordDict) -> RecordDict:
    """Return Flower's records with all arrays in one, for the way."""
    arrays = content.array_records.get(m.ARRAYS)
    if arrays is None:
        return content
    row = bundle({name: array.numpy() for name, array in arrays.items()})
    return RecordDict({**content, m.ARRAYS: ArrayRecord({m.BUNDLE: Array(row)})})


def opened(content: RecordDict) -> RecordDict:
    """Return them with the arrays by name again. Raises RefusedError when they cannot be read."""
    arrays = content.array_records.get(m.ARRAYS)
    if arrays is None or list(arrays) != [m.BUNDLE]:
        return content
    try:
        row = arrays[m.BUNDLE].numpy()
    except Exception as error:  # likewise
        raise RefusedError(f"A bundle of arrays cannot be read: {type(error).__name__}.") from None
    named = unbundle(row)
    return RecordDict({**content, m.ARRAYS: ArrayRecord({name: Array(value) for name, value in named.items()})})
