"""Errors that cross a process border: told by one side, raised as the very same error by the other."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass

from fedqmix.runtime.core import errors
from fedqmix.runtime.core.errors import AttemptError, FederationError, FedqmixError

ATTEMPT, FATAL = "attempt", "fatal"


@dataclass(frozen=True)
class Failure:
    """An error, as it travels.

    kind: "attempt" (this attempt is over, the round is tried again) or "fatal" (so is the run). error: the class's
    name in runtime.core.errors. text: the message. arguments: what the class is made from, a list as JSON.
    """

    kind: str
    error: str
    text: str
    arguments: str


def failure_of(error: Exception) -> Failure:
    """Say what went wrong; by the nearest class of runtime.core.errors, a FederationError for what is none of ours."""
    known = next((kind for kind in type(error).__mro__ if vars(errors).get(kind.__name__) is kind), None)
    if known is None:
        return failure_of(FederationError(f"{type(error).__name__}: {error}"))
    arguments = [str(getattr(error, name)) for name in _parameters(known)] or [str(error)]
    kind = ATTEMPT if isinstance(error, AttemptError) else FATAL
    return Failure(kind, known.__name__, str(error), json.dumps(arguments))


def error_of(failure: Failure) -> FedqmixError:
    """Return the error that was told, ready to be raised.

    What this version does not know, or cannot be read, becomes a FederationError with the same text.
    """
    known = vars(errors).get(failure.error)
    if isinstance(known, type) and issubclass(known, FedqmixError):
        arguments = _read(failure.arguments)
        if len(arguments) == max(1, len(_parameters(known))):
            return known(*arguments)
    return FederationError(f"{failure.error}: {failure.text}")


def _parameters(kind: type) -> list[str]:
    """Return what a class's own constructor takes; nothing for one that takes its message."""
    return list(inspect.signature(kind).parameters) if "__init__" in vars(kind) else []


def _read(arguments: str) -> list[str]:
    try:
        read = json.loads(arguments)
    except ValueError:
        return []
    return read if isinstance(read, list) and all(isinstance(one, str) for one in read) else []
