"""Checks of what a caller passes to the Python API. All raise InputError."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fedqmix.runtime.core.errors import InputError
from fedqmix.runtime.core.world import Bools, Floats, Integers


def whole(name: str, value: object, least: int = 0) -> int:
    """Return a whole number of at least `least`. name: of the argument."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name}={value!r} is not valid: a whole number, at least {least}, is needed.")
    return int(value)


def share(name: str, value: object) -> float:
    """Return a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
        raise InputError(f"{name}={value!r} is not valid: a number from 0 to 1 is needed.")
    return float(value)


def array(name: str, value: Any, kinds: str, needed: str) -> np.ndarray[Any, Any]:
    """Return a value as an array. kinds: the allowed kinds of its dtype; needed: the same in words."""
    try:
        found = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists, tensors with graph
        raise InputError(f"{name} cannot be read as an array: {str(error).splitlines()[0]}.") from error
    if found.dtype.kind not in kinds:
        raise InputError(f"{name} has the type {found.dtype}; {needed} are needed.")
    return found


def require_shape(name: str, found: np.ndarray[Any, Any], *allowed: tuple[Sequence[int | None], str]) -> None:
    """Check a shape. allowed: shapes, in which None is any number of at least 1, each with its meaning in words."""
    for shape, _ in allowed:
        fits = (own == size if size is not None else own >= 1 for own, size in zip(found.shape, shape, strict=False))
        if found.ndim == len(shape) and all(fits):
            return
    written = " or ".join(
        f"[{', '.join('episodes' if size is None else str(size) for size in shape)}] ({words})"
        for shape, words in allowed
    )
    raise InputError(f"{name} has the shape {list(found.shape)}; {written} is needed.")


def floats(name: str, value: Any) -> Floats:
    """Return an array of finite float32 numbers."""
    with np.errstate(over="ignore"):
        found = array(name, value, "fiu", "numbers").astype(np.float32)
    if not np.isfinite(found).all():
        place = np.argwhere(~np.isfinite(found))[0].tolist()
        raise InputError(f"{name}{place} is not finite in float32.")
    return found


def booleans(name: str, value: Any) -> Bools:
    """Return an array of booleans; 0 and 1 are read as False and True."""
    found = array(name, value, "biu", "booleans, or 0 and 1,")
    if found.dtype.kind != "b" and not np.isin(found, (0, 1)).all():
        raise InputError(f"{name} holds other numbers than 0 and 1.")
    return found.astype(np.bool_)


def integers(name: str, value: Any) -> Integers:
    """Return an array of whole numbers as int64."""
    return array(name, value, "iu", "whole numbers").astype(np.int64)
