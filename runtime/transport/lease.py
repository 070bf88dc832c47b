"""One run at a time: the run that opens attempts at a service holds it until it is over or gives no more sign."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from fedqmix.runtime.core.errors import BusyError

LEASE_S = 30.0
"""How long a run that gives no sign keeps its service from others. Its server gives one every few seconds."""


class Lease:
    """Which run a service works for.

    lasts: seconds without a sign of the holder. The same run may take it again at any time, from another process too: a
    server that was killed is followed by one that resumes its run.
    """

    def __init__(self, lasts: float = LEASE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasts, self._clock = lasts, clock
        self._lock = threading.Lock()
        self._holder: str | None = None
        self._seen = 0.0

    def take(self, run: str) -> None:
        """Let a run hold the service. Raises BusyError, naming the run that holds it, and changes nothing then."""
        with self._lock:
            if self._holder not in (None, run) and self._clock() - self._seen < self._lasts:
                raise BusyError(
                    f"The federation is at work on run {self._holder}, and takes part in one run at a time. Wait until "
                    "that has ended, or stop it, and submit again."
                )
            self._holder, self._seen = run, self._clock()

    def renew(self, run: str) -> None:
        """Take a sign of a run, which counts if it is the holder."""
        with self._lock:
            if run == self._holder:
                self._seen = self._clock()

    def release(self, run: str) -> None:
        """Free the service if this run holds it."""
        with self._lock:
            if run == self._holder:
                self._holder = None
