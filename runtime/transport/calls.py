"""Calls with retries over a bad connection, for all stubs of this package.

Every request is idempotent (see runtime.transport.rendezvous). So a call that may or may not have arrived is repeated,
after pauses of doubling length, until the patience has passed.
"""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from fedqmix.runtime.core.errors import AttemptError, FederationError, RefusedError
from fedqmix.runtime.transport.faults import reported_error

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
DEADLINE_S = 30.0
"""The deadline of one try at a call; it detects connections that are lost without notice."""
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Line:
    """The settings of one party's calls to another.

    party: the other party, for errors ("the mixer"). patience: seconds until calls to an unreachable party fail. Calls
    wait a little longer than the service itself, so that its error about missing agents arrives. deadline: seconds of
    one try. cut: an event that ends calls early when set.
    """

    party: str
    patience: float = PATIENCE_S
    deadline: float = DEADLINE_S
    cut: threading.Event | None = None

    def call(self, method: Any, request: Any) -> Any:
        """Make a unary call and return its reply.

        method: of a generated stub. Raises the service's error; AttemptError when the service could not be reached
        within the patience; RefusedError when the message is too large, or the service is another one.
        """
        ask = functools.partial(method, request, timeout=self.deadline)
        return self.answer(ask, ask)

    def answer(self, ask: Callable[[], Any], again: Callable[[], Any]) -> Any:
        """Return the result of `ask`, or of `again` after a connection failed; raises as `call` does."""
        began = time.monotonic()
        pause = FIRST_PAUSE_S
        while True:
            try:
                return ask()
            except grpc.RpcError as error:
                fault = reported_error(error) or _final(error, self.party)
                if fault is not None:
                    raise fault from None
                gone = time.monotonic() - began
                if gone > 1.1 * self.patience + 1:
                    raise AttemptError(
                        f"{self.party} could not be reached for {gone:.0f} s ({error.code().name}: {error.details()}). "
                        "Is it running, and is its address right?"
                    ) from None
            nap = pause * random.uniform(0.5, 1.0)  # jitter, so that parties do not reconnect all at once
            if self.cut is not None and self.cut.wait(nap):
                raise AttemptError(f"The call to {self.party} was given up: another attempt has begun.")
            if self.cut is None:
                time.sleep(nap)
            pause = min(2 * pause, LONGEST_PAUSE_S)
            ask = again


def _final(error: grpc.RpcError, party: str) -> FederationError | None:
    """Return the error of a failure that a retry cannot fix, else None."""
    code, details = error.code(), str(error.details())
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
        return RefusedError(f"A message to or from {party} is too large: {details}.")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return RefusedError(f"{party} does not know this call ({details}). Is the address another service's?")
    if code is grpc.StatusCode.INTERNAL and "deserializing" in details:
        return RefusedError(f"A message to or from {party} could not be read ({details}). Are the versions the same?")
    return None
