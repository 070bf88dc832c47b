"""Threads that share a batch of battles.

The standard library's thread pool takes 50 microseconds to hand a piece of work over and back, as long as some pieces
take; queues alone take 20.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

FEWEST = 8  # battles; with fewer a second thread costs more than it saves

Work = Callable[[int, int], None]
"""Does something with battles first .. last - 1, without the interpreter's lock."""


class Crew:
    """The calling thread and `threads - 1` others."""

    def __init__(self, threads: int) -> None:
        """Start the others; they end with close, or with the program."""
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._orders: list[SimpleQueue[tuple[Work, int, int] | None]] = []
        for number in range(1, threads):
            orders: SimpleQueue[tuple[Work, int, int] | None] = SimpleQueue()
            Thread(target=self._serve, args=(orders,), name=f"battles {number}", daemon=True).start()
            self._orders.append(orders)

    def share(self, work: Work, count: int) -> None:
        """Do the work on battles 0 .. count - 1, in as many ranges as there are threads; raise what it raises."""
        parts = max(min(len(self._orders) + 1, count // FEWEST), 1)
        bounds = [count * part // parts for part in range(parts + 1)]
        for orders, first, last in zip(self._orders, bounds[1:-1], bounds[2:], strict=False):
            orders.put((work, first, last))
        failures: list[BaseException] = []
        try:
            work(bounds[0], bounds[1])
        except BaseException as error:
            failures.append(error)
        failures += [error for error in (self._done.get() for _ in range(parts - 1)) if error is not None]
        if failures:
            raise failures[0]

    def close(self) -> None:
        """Let the other threads end."""
        for orders in self._orders:
            orders.put(None)
        self._orders = []

    def _serve(self, orders: SimpleQueue[tuple[Work, int, int] | None]) -> None:
        while (order := orders.get()) is not None:
            work, first, last = order
            try:
                work(first, last)
            except BaseException as error:
                self._done.put(error)
            else:
                self._done.put(None)
