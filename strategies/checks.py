"""Checks of the agents' replies: arrays, finite values, norms, and reported metrics.

Every check returns the fault in words that follow the agent's name ("returned head.bias of shape [3], ...").
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, MetricRecord
from numpy.typing import NDArray

from fedqmix.runtime.core.array_names import EXP_AVG_SQ, kind_of

Arrays = dict[str, NDArray[Any]]
Figure = float | int | Sequence[float]
CLOSE = 1e-9
"""Relative difference allowed between two sums of the same rewards: machines may add in a different order."""


def read(content: ArrayRecord) -> Arrays | str:
    """Return a reply's arrays by name, or the fault of the first array that is not valid.

    An array is not valid when it cannot be read, or when its data has another type or shape than it declares.
    """
    arrays: Arrays = {}
    for name, array in content.items():
        try:
            value = array.numpy()
        except Exception as error:  # numpy can raise any error on bytes that are not an array
            return f"returned {short(name)}, which cannot be read ({type(error).__name__})"
        if (str(value.dtype), tuple(value.shape)) != (array.dtype, tuple(array.shape)):
            return f"returned {short(name)} as {_kind(value)}, declared as {array.dtype} of {list(array.shape)}"
        arrays[name] = value
    return arrays


def wrong_arrays(found: Arrays, sent: Arrays) -> str | None:
    """Compare an agent's returned arrays with the sent ones; return the fault, or None.

    Names, their order, shapes and types must be equal, all values finite, second moments >= 0.
    """
    if list(found) != list(sent):
        names = [", ".join(map(short, one)) or "nothing" for one in (found, sent)]
        return f"returned {names[0]}; it was sent {names[1]}"
    for name, value in found.items():
        if _kind(value) != _kind(sent[name]):
            return f"returned {name} as {_kind(value)}; it was sent {_kind(sent[name])}"
        if value.dtype.kind != "f":
            return f"returned {short(name)} as {_kind(value)}; parameters are floating-point numbers"
        if not np.isfinite(value).all():
            return f"returned {name} with values that are not finite"
        if name.startswith(EXP_AVG_SQ) and (value < 0).any():
            return f"returned {name} with values below zero"
    return None


def change_norms(found: Arrays, sent: Arrays) -> dict[str, float]:
    """Return the 2-norm of found - sent for each kind of array (runtime.core.array_names).

    For second moments it is the norm's square root, because Adam divides by their root: gradients twice as large then
    count twice.
    """
    squares: dict[str, float] = {}
    for name, value in found.items():
        kind = kind_of(name)
        change = np.subtract(value, sent[name], dtype=np.float64)
        squares[kind] = squares.get(kind, 0.0) + float(np.vdot(change, change))
    norms = {kind: math.sqrt(square) for kind, square in squares.items()}
    return {kind: math.sqrt(norm) if kind == EXP_AVG_SQ else norm for kind, norm in norms.items()}


def unlike_sizes(norms: Mapping[int, float], factor: float) -> dict[int, str]:
    """Return the agents whose first network's norm is far from the others', with each fault.

    norms: agent -> 2-norm of all its parameters. factor: the largest ratio, either way, of a norm to the median of the
    other agents' norms.
    """
    found: dict[int, str] = {}
    for agent, norm in norms.items():
        others = [other for number, other in norms.items() if number != agent]
        usual = statistics.median(others) if others else norm
        if norm > factor * usual or usual > factor * norm:
            found[agent] = f"begins with a network of size {norm:.3g}; the median of the others is {usual:.3g}"
    return found


def oversized(norms: Mapping[int, float], factor: float, what: str) -> dict[int, str]:
    """Return the agents whose norm exceeds factor times the others' median, with each fault.

    norms: agent -> norm. what: name of the measured arrays ("update"). A single agent is not compared. With two agents
    each norm is the other's median, so an update that is too small makes the other one too large.
    """
    found: dict[int, str] = {}
    for agent, norm in norms.items():
        others = [other for number, other in norms.items() if number != agent]
        usual = statistics.median(others) if others else norm
        if norm > factor * usual:
            found[agent] = (
                f"returned {what} of size {norm:.3g}; the median of the others is {usual:.3g}, and "
                f"strategy.max_update={factor:g} allows {factor * usual:.3g}"
            )
    return found


def wrong_figures(reported: MetricRecord, known: Mapping[str, Figure]) -> str | None:
    """Compare an agent's metrics with the counts of world and mixer; return the first fault."""
    for name, value in known.items():
        own = reported.get(name)
        if not _same(own, value):
            return f"reported {name}={short(own)}; it is {short(value)}, as world and mixer counted"
    return None


def unlike(starts: Sequence[Arrays]) -> dict[int, str]:
    """Return the agents whose first parameters differ from most agents' in kind, with faults.

    A kind is names, shapes and types. Of two equally frequent kinds, the lowest agent's is the expected one.
    """
    kinds = [tuple((name, _kind(value)) for name, value in start.items()) for start in starts]
    usual = Counter(kinds).most_common(1)[0][0] if kinds else ()
    return {
        agent: f"begins with {_listed(kind)}; most agents with {_listed(usual)}"
        for agent, kind in enumerate(kinds)
        if kind != usual
    }


def numbers(arrays: Mapping[str, Array]) -> Arrays:
    """Return NumPy arrays by name. arrays: made by this process, so that they need no checks."""
    return {name: array.numpy() for name, array in arrays.items()}


def _same(own: object, known: Figure) -> bool:
    if isinstance(known, Sequence):
        alike = isinstance(own, list) and len(own) == len(known)
        return alike and all(_same(one, other) for one, other in zip(own, known, strict=True))  # type: ignore[call-overload]
    if isinstance(own, bool) or not isinstance(own, int | float):
        return False
    if math.isnan(known):
        return math.isnan(own)
    return math.isclose(own, known, rel_tol=CLOSE, abs_tol=CLOSE)


def _listed(kind: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{short(name)} ({what})" for name, what in kind) or "nothing"


def _kind(value: NDArray[Any]) -> str:
    return f"{value.dtype} of shape {list(value.shape)}"


def short(value: object) -> str:
    """Return at most 60 printable characters for a value that an agent sent."""
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
