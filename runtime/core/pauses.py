"""Pauses between two checks that grow with the time waited: a short wait ends at once, a long one costs little."""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE = 0.2
"""A pause as a share of the time waited so far."""
LEAST_S, MOST_S = 0.1, 1.0


class GrowingPause:
    """Pauses of one waiting process, each a fifth of the time since `restart`, from least to most seconds.

    A check that waited itself, such as a held request, shortens the pause after it by the time it took.
    clock, sleep: replaced in tests.
    """

    def __init__(
        self,
        least: float = LEAST_S,
        most: float = MOST_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._least, self._most, self._clock, self._sleep = min(least, most), most, clock, sleep
        self.restart()

    def restart(self) -> None:
        """Begin a new wait."""
        self._began = self._checked = self._clock()

    def next(self) -> float:
        """Return the next pause in seconds."""
        return min(max(SHARE * (self._clock() - self._began), self._least), self._most)

    def pause(self) -> None:
        """Sleep for the rest of the next pause, which began when the last one ended."""
        left = self.next() - (self._clock() - self._checked)
        if left > 0:
            self._sleep(left)
        self._checked = self._clock()
