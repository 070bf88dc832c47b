"""Threads that share a piece of work.

The standard library's thread pool takes 50 microseconds to hand a piece of work over and back, as long as some pieces
take; queues alone take 20.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

Work = Callable[[int, int], None]
"""Does items first .. last - 1, without the interpreter's lock."""

Orders = SimpleQueue[tuple[Work, int, int] | None]
Outcomes = SimpleQueue[BaseException | None]


class ThreadPool:
    """The calling thread and `threads - 1` others, which end with close, or with the crew. One caller at a time."""

    usual = 1
    """Threads of crews that are not told how many. Whoever starts the program decides for all of it."""

    def __init__(self, threads: int | None = None) -> None:
        """Start the others."""
        self._done: Outcomes = SimpleQueue()
        self._orders: list[Orders] = []
        for number in range(1, self.usual if threads is None else threads):
            orders: Orders = SimpleQueue()
            Thread(target=_serve, args=(orders, self._done), name=f"crew {number}", daemon=True).start()
            self._orders.append(orders)
        self.close = weakref.finalize(self, _dismiss, self._orders)
        """Let the other threads end."""

    def __deepcopy__(self, memo: dict[int, object]) -> ThreadPool:
        """Make another crew of as many: threads cannot be copied."""
        return ThreadPool(len(self._orders) + 1)

    def share(self, work: Work, count: int, fewest: int = 1) -> None:
        """Do items 0 .. count - 1, in as many ranges of at least `fewest` as there are threads.

        Raises what the work raises.
        """
        parts = max(min(len(self._orders) + 1, count // fewest), 1)
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

    def each(self, task: Callable[[int], None], count: int) -> None:
        """Do tasks 0 .. count - 1, each by the thread that is free first; raise what one raises."""
        numbers = itertools.count()  # the interpreter hands out each number once

        def work(first: int, last: int) -> None:
            while (number := next(numbers)) < count:
                task(number)

        self.share(work, min(len(self._orders) + 1, count))


def _serve(orders: Orders, done: Outcomes) -> None:
    while (order := orders.get()) is not None:
        work, first, last = order
        try:
            work(first, last)
        except BaseException as error:
            done.put(error)
        else:
            done.put(None)
        del order, work  # whoever waits for the next order must not keep the last one's crew alive


def _dismiss(all_orders: list[Orders]) -> None:
    for orders in all_orders:
        orders.put(None)
    all_orders.clear()
