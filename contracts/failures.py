"""Errors that cross a process border: told by one side, raised as the very same error by the other."""

from __future__ import annotations

import json
from dataclasses import dataclass

from contracts import errors
from contracts.errors import AttemptError, DivergenceError, FederationError, FedqmixError

ATTEMPT, FATAL = "attempt", "fatal"


@dataclass(frozen=True)
class Failure:
    """An error, as it travels.

    kind: "attempt" (this attempt is over, the round is tried again) or "fatal" (so is the run). error: the class's
    name in contracts.errors. text: the message. arguments: what the class is made from, a list as JSON.
    """

    kind: str
    error: str
    text: str
    arguments: str


def failure_of(error: FedqmixError) -> Failure:
    """Say what went wrong."""
    arguments = [error.place, error.step] if isinstance(error, DivergenceError) else [str(error)]
    kind = ATTEMPT if isinstance(error, AttemptError) else FATAL
    return Failure(kind, type(error).__name__, str(error), json.dumps(arguments))


def error_of(failure: Failure) -> FedqmixError:
    """Return the error that was told, ready to be raised.

    What this version does not know, or cannot be read, becomes a FederationError with the same text.
    """
    known = getattr(errors, failure.error, None)
    if not (isinstance(known, type) and issubclass(known, FedqmixError)):
        return FederationError(f"{failure.error}: {failure.text}")
    try:
        arguments = json.loads(failure.arguments)
    except ValueError:
        return FederationError(f"{failure.error}: {failure.text}")
    expected = 2 if known is DivergenceError else 1
    if not isinstance(arguments, list) or len(arguments) != expected or not all(isinstance(a, str) for a in arguments):
        return FederationError(f"{failure.error}: {failure.text}")
    return known(*arguments)
