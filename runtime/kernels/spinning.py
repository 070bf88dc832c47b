"""Threads that spin inside compiled code and get work in less than a microsecond.

Waking a sleeping thread and passing it the interpreter's lock takes 50 microseconds, about as long as a batch of
small episodes takes. A helper thread that has finished its part therefore stays in the kernel and polls a number for
a moment before it leaves and sleeps. The calling thread does not depend on helpers: it processes what no helper
claims.

A shared kernel takes a `work_queue` and a `seat`, the thread's index: 0 for the caller, 1, 2, ... for the helpers.

    while take_part(work_queue, seat):
        first, last = claim(work_queue, seat)
        while first < last:
            ...  # items first .. last - 1
            first, last = claim(work_queue, seat)

Each thread claims a few items at a time from its own part, which stays in its cache, then from the other parts.
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
"""The numbers that the threads share: five, then two for each seat, each in a cache line of its own."""

Orders = SimpleQueue[Callable[[], object] | None]

LINE = 8  # int64 numbers in a cache line: threads that write to one line would wait for each other
PARTS, COUNT, PATIENCE, MESSAGE, HELD_UP = (LINE * number for number in range(5))
STATE, NEXT, SEAT = LINE * 5, LINE * 6, LINE * 2  # the offsets of seat 0, and the distance to the next seat

AWAY, CALLED, LATE, WAITING, WORKING = range(5)
"""The states of a seat's thread: asleep; woken; woken, but the work is already done; in the kernel without work; in the
kernel with work."""

PIECES = 16  # of a part; each claim takes one
WATCH = 2000  # pauses (50 to 100 microseconds) that a helper spins before it sleeps
COMING = 100 * WATCH  # pauses that a woken helper waits for the caller, which is about to begin
SOON = 100e-6  # seconds between two calls; after a longer gap spinning does not pay
LONG = 1000  # pauses of the caller that show that a helper with work was not scheduled on a processor
CALM = 0.05  # seconds without spinning after that: a busy processor schedules a thread that slept sooner
TURN = 16  # pauses between two yields: the thread that is waited for may need the processor


class SpinningThreads:
    """The helper threads of one caller, which end on close or with this object."""

    def __init__(self, helpers: int) -> None:
        """Start the helper threads."""
        self._orders: list[Orders] = []
        for number in range(1, helpers + 1):
            orders: Orders = SimpleQueue()
            Thread(target=_serve, args=(orders,), name=f"spinning {number}", daemon=True).start()
            self._orders.append(orders)
        self._last = self._calm = 0.0  # when the last call ended; until when no helper spins
        self.close = weakref.finalize(self, _dismiss, self._orders)
        """End the threads."""

    def work_queue(self, count: int, fewest: int) -> WorkQueue:
        """Make the queue that shares `count` items among the threads, at least `fewest` for each."""
        parts = max(min(len(self._orders) + 1, count // fewest), 1)
        work_queue = np.zeros(STATE + SEAT * parts, dtype=np.int64)
        work_queue[PARTS], work_queue[COUNT] = parts, count
        work_queue[NEXT::SEAT] = count  # nothing to claim yet: a helper may arrive before the caller
        return work_queue

    def share(self, work_queue: WorkQueue, work: Callable[[int], object], message: int = 0) -> None:
        """Process all items in this thread and in the helpers that come.

        work(seat) calls the kernel with this queue. message: a number for the kernel, at work_queue[MESSAGE]. Its
        other inputs must stay in the same arrays, because spinning helpers keep the arguments of their first call.
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
    """Wait for work; return whether there is any.

    The caller gets work once, on its first call; then it waits for the working helpers, and leaves.
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
    """Begin when the caller has begun; return whether it has.

    A late helper spins until the next call.
    """
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
    """Spin for `patience` pauses; return whether the caller has work.

    state: the index of the helper's state in the queue.
    """
    put(work_queue, state, WAITING)
    for pauses in range(patience + 1):
        if look(work_queue, state) == WORKING:
            return True
        rest(pauses)
    return not swap(work_queue, state, WAITING, AWAY)


@_inner
def rest(pauses: int) -> None:
    """Wait a moment before polling again. pauses: the number so far."""
    pause()
    if pauses % TURN == TURN - 1:
        give_up_turn()


@_inner
def claim(work_queue: WorkQueue, seat: int) -> tuple[int, int]:
    """Claim the next items, first .. last - 1; first == last when none is left.

    The caller also gives work to helpers that wait.
    """
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
        del order  # a waiting thread must not keep the last order's objects alive


def _dismiss(all_orders: list[Orders]) -> None:
    for orders in all_orders:
        orders.put(None)
    all_orders.clear()
