"""Threads that stand by inside compiled code, so that handing work over takes less than a microsecond.

To wake a thread that sleeps, and to hand it the interpreter's lock, takes 50 microseconds; a batch of small battles
takes not much longer. So a helper that has done its part stays in the kernel and watches a number for a moment before
it leaves and sleeps. Whoever calls for help never depends on it: what no helper takes it does itself.

A kernel shared in this way has a `desk` and a `seat`, 0 for the caller and 1, 2, ... for the helpers, and reads

    while take_part(desk, seat):
        first, last = claim(desk, seat)
        while first < last:
            ...  # items first .. last - 1
            first, last = claim(desk, seat)

Each thread takes a few items at a time of its own part, which stays in its cache, and then of what is left of others'.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.kernels.atomic import add, give_up_turn, look, pause, put, swap
from fedqmix.runtime.kernels.compile import Compiler

_inner = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", _nrt=False, forceinline=True).inner

WorkQueue = NDArray[np.int64]
"""What threads tell each other: five numbers, then two for each seat, each number a cache line apart."""

Orders = SimpleQueue[Callable[[], object] | None]

LINE = 8  # int64 numbers in a cache line: threads that change numbers of one line would wait for each other
PARTS, COUNT, PATIENCE, MESSAGE, HELD_UP = (LINE * number for number in range(5))
STATE, NEXT, SEAT = LINE * 5, LINE * 6, LINE * 2  # of seat 0; how far the next seat's are

AWAY, CALLED, LATE, WAITING, WORKING = range(5)
"""States of whoever has a seat: not here (a helper sleeps); on its way; on its way, but what it was called for is done;
in the kernel, without work; with work."""

PIECES = 16  # of a part, that are claimed one by one
WATCH = 2000  # pauses, 50 to 100 microseconds, for which helpers stand by
COMING = 100 * WATCH  # pauses that who was called waits for the caller to begin, which it is about to do
SOON = 100e-6  # seconds; who is called later than this after the last time is not worth standing by for
LONG = 1000  # pauses of the caller, after which it has been held up: a helper with work was not let to a processor
CALM = 0.05  # seconds without standing by after that: who sleeps in between is sooner let to a busy processor
TURN = 16  # pauses, after which others may have the processor: perhaps it is the one who is waited for that needs it


class SpinningThreads:
    """Helpers of one caller, which end with close, or with it."""

    def __init__(self, helpers: int) -> None:
        """Start as many threads."""
        self._orders: list[Orders] = []
        for number in range(1, helpers + 1):
            orders: Orders = SimpleQueue()
            Thread(target=_serve, args=(orders,), name=f"standby {number}", daemon=True).start()
            self._orders.append(orders)
        self._last = self._calm = 0.0  # when the last call ended, and until when nobody stands by
        self.close = weakref.finalize(self, _dismiss, self._orders)
        """Let the threads end."""

    def work_queue(self, count: int, fewest: int) -> WorkQueue:
        """Make a desk for sharing `count` items among as many threads as there are, at least `fewest` for each."""
        parts = max(min(len(self._orders) + 1, count // fewest), 1)
        work_queue = np.zeros(STATE + SEAT * parts, dtype=np.int64)
        work_queue[PARTS], work_queue[COUNT] = parts, count
        work_queue[NEXT::SEAT] = count  # nothing is left yet: a helper may be there before the caller
        return work_queue

    def share(self, work_queue: WorkQueue, work: Callable[[int], object], message: int = 0) -> None:
        """Do all items: work(seat) calls the kernel with this desk, in this thread and, as far as they come, others.

        message: for the kernel, at desk[MESSAGE]. What else it reads must stay in the same arrays: helpers that stand
        by do not look again at what they were called with.
        """
        work_queue[MESSAGE] = message
        now = perf_counter()
        if work_queue[HELD_UP]:
            work_queue[HELD_UP], self._calm = 0, now + CALM
        work_queue[PATIENCE] = WATCH if now - self._last < SOON and now > self._calm else 0
        for seat in range(1, int(work_queue[PARTS])):
            if work_queue[STATE + SEAT * seat] == AWAY:
                work_queue[STATE + SEAT * seat] = CALLED
                self._orders[seat - 1].put(partial(work, seat))
        work(0)
        self._last = perf_counter()


@_inner
def take_part(work_queue: WorkQueue, seat: int) -> bool:
    """Wait for work; tell whether there is any.

    For the caller there is work once, when it comes; then it waits for those who help, and leaves.
    """
    state = STATE + SEAT * seat
    if seat > 0:
        called = look(work_queue, state) < WAITING
        return arrive(work_queue, state) if called else is_wanted(work_queue, state, work_queue[PATIENCE])
    if look(work_queue, state) == AWAY:
        for part in range(work_queue[PARTS]):
            put(work_queue, NEXT + SEAT * part, work_queue[COUNT] * part // work_queue[PARTS])
        put(work_queue, state, WORKING)  # now there is something to claim
        return True
    for helper in range(1, work_queue[PARTS]):
        swap(work_queue, STATE + SEAT * helper, CALLED, LATE)
        pauses = 0
        while look(work_queue, STATE + SEAT * helper) == WORKING:
            pauses += 1
            rest(pauses)
        if pauses > LONG:
            work_queue[HELD_UP] = 1
    put(work_queue, state, AWAY)
    return False


@_inner
def arrive(work_queue: WorkQueue, state: int) -> bool:
    """Begin as soon as the caller has; tell whether it has. Who comes late stands by for the next time."""
    for pauses in range(COMING):
        if look(work_queue, STATE) == WORKING:
            put(work_queue, state, WORKING)
            return True
        if look(work_queue, state) == LATE and pauses >= work_queue[PATIENCE]:
            break
        rest(pauses)
    put(work_queue, state, AWAY)
    return False


@_inner
def is_wanted(work_queue: WorkQueue, state: int, patience: int) -> bool:
    """Stand by for so many pauses; tell whether the caller has work. state: where the helper's is."""
    put(work_queue, state, WAITING)
    for pauses in range(patience + 1):
        if look(work_queue, state) == WORKING:
            return True
        rest(pauses)
    return not swap(work_queue, state, WAITING, AWAY)


@_inner
def rest(pauses: int) -> None:
    """Let a moment pass before looking again, after so many pauses."""
    pause()
    if pauses % TURN == TURN - 1:
        give_up_turn()


@_inner
def claim(work_queue: WorkQueue, seat: int) -> tuple[int, int]:
    """Take the next few items, first .. last - 1; first is last when nothing is left. The caller calls who waits."""
    parts = work_queue[PARTS]
    if seat == 0:
        for helper in range(1, parts):
            if look(work_queue, STATE + SEAT * helper) == WAITING:
                swap(work_queue, STATE + SEAT * helper, WAITING, WORKING)
    step = work_queue[COUNT] // (parts * PIECES) + 1
    for further in range(parts):
        part = (seat + further) % parts
        end = work_queue[COUNT] * (part + 1) // parts
        first: int = add(work_queue, NEXT + SEAT * part, step)
        if first < end:
            return first, min(first + step, end)
    return 0, 0


def _serve(orders: Orders) -> None:
    while (order := orders.get()) is not None:
        order()
        del order  # whoever waits for the next order must not keep alive what the last one was about


def _dismiss(all_orders: list[Orders]) -> None:
    for orders in all_orders:
        orders.put(None)
    all_orders.clear()
