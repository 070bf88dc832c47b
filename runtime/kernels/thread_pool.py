"""A pool of threads that share a range of items.

The standard library's thread pool takes 50 microseconds to pass work to a thread and back, as long as some ranges
take to compute; queues alone take 20.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

Work = Callable[[int, int], None]
"""A function that processes items first .. last - 1, without the interpreter's lock."""

Orders = SimpleQueue[tuple[Work, int, int] | None]
Outcomes = SimpleQueue[BaseException | None]


class ThreadPool:
    """The calling thread and `threads - 1` others, which end with the pool or on `close`.

    Only one thread may call at a time.
    """

    usual = 1
    """The number of threads of a pool without an explicit one; set once, for the whole program."""

    def __init__(self, threads: int | None = None) -> None:
        """Start the other threads. threads: None means `usual`."""
        self._done: Outcomes = SimpleQueue()
        self._orders: list[Orders] = []
        for number in range(1, self.usual if threads is None else threads):
            orders: Orders = SimpleQueue()
            Thread(target=_serve, args=(orders, self._done), name=f"pool {number}", daemon=True).start()
            self._orders.append(orders)
        self.close = weakref.finalize(self, _dismiss, self._orders)
        """End the other threads."""

    def __deepcopy__(self, memo: dict[int, object]) -> ThreadPool:
        """Make a new pool of the same size: threads cannot be copied."""
        return ThreadPool(len(self._orders) + 1)

    def share(self, work: Work, count: int, fewest: int = 1) -> None:
        """Process items 0 .. count - 1 in one range per thread, each of at least `fewest` items.

        Raises the first error that `work` raised, after all ranges have ended.
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
        """Do tasks 0 .. count - 1, each on the first free thread. Raises the first error of a task."""
        numbers = itertools.count()  # the interpreter's lock makes `next` atomic

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
        del order, work  # a waiting thread must not keep the last order's pool alive


def _dismiss(all_orders: list[Orders]) -> None:
    for orders in all_orders:
        orders.put(None)
    all_orders.clear()
