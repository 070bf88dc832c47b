"""Where the runs of one program meet: what is computed together, in which order, and what an error or an end does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from fedqmix.runtime.core.batched_runs import Work
from fedqmix.runtime.runs.seeds.run_batcher import RunBatcher


def go(pool: ThreadPoolExecutor, *runs: Callable[[], object]) -> list[Future]:
    return [pool.submit(run) for run in runs]


def test_all_are_answered_from_one_call_in_the_order_of_their_seats():
    meeting, calls = RunBatcher(3), []

    def doubled(requests):
        calls.append(list(requests))
        return [2 * request for request in requests]

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(meeting.seat(2).compute, Work.ROWS, 30, doubled)
        time.sleep(0.05)
        others = go(pool, *(lambda n=n: meeting.seat(n).compute(Work.ROWS, 10 * (n + 1), doubled) for n in (1, 0)))
        assert [one.result(10) for one in (first, *others)] == [60, 40, 20]
    assert calls == [[10, 20, 30]]


def test_who_still_plays_comes_first_and_the_others_wait_for_them():
    """Runs of 1, 3 and 5 moments, then a training step: whoever is slow, the same is computed together."""
    for slow in range(3):
        meeting, computed = RunBatcher(3), []

        def run(number: int, meeting=meeting, computed=computed, slow=slow) -> None:
            def noted(work: Work):
                def function(requests):
                    computed.append((work, tuple(requests)))
                    return requests

                return function

            seat = meeting.seat(number)
            for _ in range(2 * number + 1):
                time.sleep(0.01 * (number == slow))
                seat.compute(Work.ACTING, number, noted(Work.ACTING))
            seat.compute(Work.ROWS, number, noted(Work.ROWS))

        with ThreadPoolExecutor(3) as pool:
            for one in go(pool, *(lambda n=n, run=run: run(n) for n in range(3))):
                one.result(10)
        acting = [(0, 1, 2), (1, 2), (1, 2), (2,), (2,)]
        assert computed == [*((Work.ACTING, seats) for seats in acting), (Work.ROWS, (0, 1, 2))]


def test_an_error_is_that_of_all_who_asked_and_of_nobody_else():
    meeting = RunBatcher(3)

    def fails(requests):
        raise ValueError(f"{len(requests)} asked")

    def double(requests):
        return [2 * request for request in requests]

    with ThreadPoolExecutor(3) as pool:
        failing = go(pool, *(lambda n=n: meeting.seat(n).compute(Work.ACTING, n, fails) for n in (0, 1)))
        waiting = pool.submit(meeting.seat(2).compute, Work.ROWS, 7, double)
        for one in failing:
            with pytest.raises(ValueError, match="2 asked"):
                one.result(10)
        assert not waiting.done()
        meeting.leave(0)
        meeting.leave(1)
        assert waiting.result(10) == 14


def test_an_interruption_ends_those_who_wait_and_those_who_come():
    meeting, came = RunBatcher(2), threading.Event()

    def waits():
        came.set()
        meeting.seat(0).compute(Work.ROWS, 1, list)

    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(waits)
        assert came.wait(10)
        meeting.interrupt()
        with pytest.raises(KeyboardInterrupt):
            waiting.result(10)
        with pytest.raises(KeyboardInterrupt):
            pool.submit(meeting.seat(1).compute, Work.ROWS, 1, list).result(10)
