"""Pauses between two checks that grow with the time waited: a short wait ends at once, a long one costs little."""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE = 0.2
"""A pause as a share of the time waited so far."""
LEAST_S, MOST_S = 0.1, 1.0


class GrowingPause:
    """Pauses of one waiting process, each a fifth of the time since `restart`, from least to most seconds.

    After a check that waited itself, such as a held request, the pause is the shortest.
    clock, sleep: replaced in tests.
    """

    def __init__(
        self,
        least: float = LEAST_S,
        most: float = MOST_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._least, self._most, self._clock, self._sleep = least, most, clock, sleep
        self.restart()

    def restart(self) -> None:
        """Begin a new wait."""
        self._began = self._ended = self._clock()

    def next(self, most: float | None = None) -> float:
        """Return the next pause in seconds. most: a further bound."""
        now = self._clock()
        grown = self._least if now - self._ended >= self._least else SHARE * (now - self._began)
        return min(max(grown, self._least), self._most if most is None else min(most, self._most))

    def pause(self, most: float | None = None) -> None:
        """Sleep for the next pause. most: a further bound of it."""
        self._sleep(self.next(most))
        self._ended = self._clock()
