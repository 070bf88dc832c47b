"""Errors that cross a process border: one side serializes an error, the other raises an equal one."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass

from fedqmix.runtime.core import errors
from fedqmix.runtime.core.errors import AttemptError, FederationError, FedqmixError

ATTEMPT, FATAL = "attempt", "fatal"


@dataclass(frozen=True)
class Failure:
    """A serialized error.

    kind: "attempt" (the round is attempted again) or "fatal" (the run ends). error: the class's name in
    runtime.core.errors. text: the message. arguments: the constructor's arguments, a list as JSON.
    """

    kind: str
    error: str
    text: str
    arguments: str


def failure_of(error: Exception) -> Failure:
    """Serialize an error by its nearest class in runtime.core.errors, else as FederationError."""
    known = next((kind for kind in type(error).__mro__ if vars(errors).get(kind.__name__) is kind), None)
    if known is None:
        return failure_of(FederationError(f"{type(error).__name__}: {error}"))
    arguments = [str(getattr(error, name)) for name in _parameters(known)] or [str(error)]
    kind = ATTEMPT if isinstance(error, AttemptError) else FATAL
    return Failure(kind, known.__name__, str(error), json.dumps(arguments))


def error_of(failure: Failure) -> FedqmixError:
    """Return the error of a failure, for the caller to raise.

    An unknown class or unreadable arguments give a FederationError with the same text.
    """
    known = vars(errors).get(failure.error)
    if isinstance(known, type) and issubclass(known, FedqmixError):
        arguments = _read(failure.arguments)
        if len(arguments) == max(1, len(_parameters(known))):
            return known(*arguments)
    return FederationError(f"{failure.error}: {failure.text}")


def _parameters(kind: type) -> list[str]:
    """Return the parameters of a class's own constructor; empty for a class constructed from its message."""
    return list(inspect.signature(kind).parameters) if "__init__" in vars(kind) else []


def _read(arguments: str) -> list[str]:
    try:
        read = json.loads(arguments)
    except ValueError:
        return []
    return read if isinstance(read, list) and all(isinstance(one, str) for one in read) else []
