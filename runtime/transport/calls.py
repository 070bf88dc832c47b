"""Calls that survive a bad connection: every stub of this room calls through here.

Every request can be sent twice without harm (see runtime.transport.rendezvous), so a call that may or may not have
arrived is simply made again, after a pause that doubles, until the patience is used up.
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
from fedqmix.runtime.transport.faults import told

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
DEADLINE_S = 30.0
"""Of one try at a call. A connection that went away in silence is noticed after so long."""
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Line:
    """How one party speaks to another.

    whom: the other, for errors ("the mixer"). patience: seconds until a party that cannot be reached is given up; a
    service that waits for others is given a little longer than it waits itself, so that its own words about who is
    missing arrive. deadline: seconds of one try. cut: set by whoever wants calls to end early.
    """

    whom: str
    patience: float = PATIENCE_S
    deadline: float = DEADLINE_S
    cut: threading.Event | None = None

    def call(self, method: Any, request: Any) -> Any:
        """Make a unary call and return its reply.

        method: of a generated stub. Raises what the service raised; AttemptError when it could not be reached within
        the patience; RefusedError when the message is too large, or the service is another one.
        """
        ask = functools.partial(method, request, timeout=self.deadline)
        return self.answer(ask, ask)

    def answer(self, ask: Callable[[], Any], again: Callable[[], Any]) -> Any:
        """Return what `ask` returns, or, after a connection failed, what `again` does; raises as `call` does."""
        began = time.monotonic()
        pause = FIRST_PAUSE_S
        while True:
            try:
                return ask()
            except grpc.RpcError as error:
                fault = told(error) or _final(error, self.whom)
                if fault is not None:
                    raise fault from None
                gone = time.monotonic() - began
                if gone > 1.1 * self.patience + 1:
                    raise AttemptError(
                        f"{self.whom} could not be reached for {gone:.0f} s ({error.code().name}: {error.details()}). "
                        "Is it running, and is its address right?"
                    ) from None
            nap = pause * random.uniform(0.5, 1.0)  # so that not all come back at the same moment
            if self.cut is not None and self.cut.wait(nap):
                raise AttemptError(f"The call to {self.whom} was given up: another attempt has begun.")
            if self.cut is None:
                time.sleep(nap)
            pause = min(2 * pause, LONGEST_PAUSE_S)
            ask = again


def _final(error: grpc.RpcError, whom: str) -> FederationError | None:
    """Return the error that trying again would not mend."""
    code, details = error.code(), str(error.details())
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
        return RefusedError(f"A message to or from {whom} is too large: {details}.")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return RefusedError(f"{whom} does not know this call ({details}). Is the address another service's?")
    if code is grpc.StatusCode.INTERNAL and "deserializing" in details:
        return RefusedError(f"A message to or from {whom} could not be read ({details}). Are the versions the same?")
    return None
