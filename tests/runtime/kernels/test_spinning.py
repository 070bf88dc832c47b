"""Threads that stand by do every item once, whether they come in time, late or never, and end when told to."""

from __future__ import annotations

import gc
import threading
import time
from functools import partial
from typing import Any

import numba
import numpy as np
import pytest

from fedqmix.runtime.kernels.spinning import AWAY, MESSAGE, SEAT, STATE, SpinningThreads, claim, take_part

FEWEST = 8


@numba.njit(nogil=True)
def visit(visits: Any, messages: Any, doers: Any, delay: int, work_queue: Any, seat: int) -> None:
    """Count visits [items], note with what message and by whom; each takes a while, longer with a larger delay."""
    while take_part(work_queue, seat):
        first, last = claim(work_queue, seat)
        while first < last:
            for item in range(first, last):
                number = 1.0
                for _ in range(delay):
                    number = number * 0.5 + 1.0
                visits[item] += 1 if number > 0.0 else 0
                messages[item], doers[item] = work_queue[MESSAGE], seat
            first, last = claim(work_queue, seat)


def zeros(arrays: int, count: int) -> list[Any]:
    return [np.zeros(count, np.int64) for _ in range(arrays)]


@pytest.mark.parametrize("helpers", [0, 1, 2])
@pytest.mark.parametrize("count", [1, FEWEST - 1, 2 * FEWEST, 3 * FEWEST + 5, 500])
@pytest.mark.parametrize("delay", [0, 1000])
def test_every_item_is_done_once(helpers: int, count: int, delay: int) -> None:
    standby = SpinningThreads(helpers)
    work_queue = standby.work_queue(count, FEWEST)
    visits, messages, doers = zeros(3, count)
    work = partial(visit, visits, messages, doers, delay, work_queue)
    for number in range(1, 200):
        standby.share(work_queue, work, number)
        assert (visits == number).all()
        assert (messages == number).all()
    standby.close()


def test_helpers_that_went_away_come_again() -> None:
    standby = SpinningThreads(1)
    work_queue = standby.work_queue(4000, FEWEST)
    arrays, seats = zeros(3, 4000), set()

    def work(seat: int) -> None:
        seats.add(seat)
        visit(*arrays, 10_000, work_queue, seat)

    for number in range(1, 4):
        seats.clear()
        standby.share(work_queue, work)
        assert (arrays[0] == number).all()
        assert seats == {0, 1}
        deadline = time.monotonic() + 30
        while work_queue[STATE + SEAT] != AWAY:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    standby.close()


def test_who_is_called_takes_part_though_the_caller_is_long_at_each_piece() -> None:
    """A piece takes milliseconds: far longer than anybody stands by before the caller looks up.

    On a busy machine a call may come to nothing; three in a row do not.
    """
    standby = SpinningThreads(1)
    work_queue = standby.work_queue(64, FEWEST)
    doers = []
    for _ in range(3):
        arrays = zeros(3, 64)
        standby.share(work_queue, partial(visit, *arrays, 2_000_000, work_queue))
        doers.append(set(arrays[2].tolist()))
    assert {0, 1} in doers
    standby.close()


def test_one_desk_after_the_other() -> None:
    standby = SpinningThreads(2)
    for count in (300, 5, 64, 1, 300):
        work_queue, arrays = standby.work_queue(count, FEWEST), zeros(3, count)
        standby.share(work_queue, partial(visit, *arrays, 10, work_queue))
        assert (arrays[0] == 1).all()
    standby.close()


def others(before: set[threading.Thread]) -> set[threading.Thread]:
    return set(threading.enumerate()) - before


def test_closing_ends_the_threads() -> None:
    before = set(threading.enumerate())
    standby = SpinningThreads(3)
    workers = others(before)
    assert len(workers) == 3
    standby.close()
    for worker in workers:
        worker.join(timeout=10)
        assert not worker.is_alive()


def test_helpers_that_nobody_needs_any_more_end() -> None:
    before = set(threading.enumerate())
    standby = SpinningThreads(2)
    work_queue = standby.work_queue(100, FEWEST)
    standby.share(work_queue, partial(visit, *zeros(3, 100), 10, work_queue))
    workers = others(before)
    del standby
    gc.collect()
    for worker in workers:
        worker.join(timeout=10)
        assert not worker.is_alive()
