"""The lease of a service: one run at a time holds it, until the run ends or gives no sign."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from fedqmix.runtime.core.errors import BusyError

LEASE_S = 30.0
"""Seconds for which a run without a sign holds its service. A run's server gives a sign every few seconds."""


class Lease:
    """The run that holds a service.

    lasts: seconds without a sign of the holder. The same run may take the lease again at any time. It may do so from
    another process, as when another server resumes the run of a killed one.
    """

    def __init__(self, lasts: float = LEASE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasts, self._clock = lasts, clock
        self._lock = threading.Lock()
        self._holder: str | None = None
        self._seen = 0.0

    def take(self, run: str) -> None:
        """Give the lease to a run. Raises BusyError, which names the holder, when another run holds it."""
        with self._lock:
            if self._holder not in (None, run) and self._clock() - self._seen < self._lasts:
                raise BusyError(
                    f"The federation is at work on run {self._holder}, and takes part in one run at a time. Wait until "
                    "that has ended, or stop it, and submit again."
                )
            self._holder, self._seen = run, self._clock()

    def renew(self, run: str) -> None:
        """Record a sign of a run, if the run holds the lease."""
        with self._lock:
            if run == self._holder:
                self._seen = self._clock()

    def release(self, run: str) -> None:
        """Release the lease if this run holds it."""
        with self._lock:
            if run == self._holder:
                self._holder = None
