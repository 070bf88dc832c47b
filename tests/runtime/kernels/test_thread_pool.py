"""The threads that share work do every piece once and raise what goes wrong."""

from __future__ import annotations

import copy
import gc
import threading
import time

import pytest

from fedqmix.runtime.kernels.thread_pool import ThreadPool

FEWEST = 8


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, FEWEST - 1, 2 * FEWEST, 3 * FEWEST + 5])
def test_every_item_is_done_once(threads: int, count: int) -> None:
    thread_pool, done, workers = ThreadPool(threads), [], set()

    def work(first: int, last: int) -> None:
        done.extend(range(first, last))
        workers.add(threading.get_ident())

    for _ in range(3):
        done.clear()
        thread_pool.share(work, count, FEWEST)
        assert sorted(done) == list(range(count))
    assert len(workers) == max(min(threads, count // FEWEST), 1)
    thread_pool.close()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_every_task_is_done_once(threads: int, count: int) -> None:
    thread_pool, done = ThreadPool(threads), []
    thread_pool.each(done.append, count)
    assert sorted(done) == list(range(count))
    thread_pool.close()


def test_a_thread_that_is_busy_leaves_the_other_tasks_to_the_rest() -> None:
    thread_pool, others = ThreadPool(2), threading.Event()
    doers: dict[int, int] = {}

    def task(number: int) -> None:
        doers[number] = threading.get_ident()
        if number == 0:
            assert others.wait(30)
        elif number == 5:
            others.set()

    thread_pool.each(task, 6)
    assert sorted(doers) == list(range(6))
    assert {doers[number] for number in range(1, 6)}.isdisjoint({doers[0]})
    thread_pool.close()


@pytest.mark.parametrize("bad", [0, FEWEST, 2 * FEWEST])
def test_what_goes_wrong_anywhere_is_raised_and_the_crew_goes_on(bad: int) -> None:
    thread_pool = ThreadPool(3)

    def work(first: int, last: int) -> None:
        if first <= bad < last:
            raise ArithmeticError(f"item {bad}")

    with pytest.raises(ArithmeticError, match=f"item {bad}"):
        thread_pool.share(work, 3 * FEWEST)
    done: list[int] = []
    thread_pool.share(lambda first, last: done.extend(range(first, last)), 3 * FEWEST)
    assert sorted(done) == list(range(3 * FEWEST))
    thread_pool.close()


def others(before: set[threading.Thread]) -> set[threading.Thread]:
    return set(threading.enumerate()) - before


def test_closing_ends_the_threads() -> None:
    before = set(threading.enumerate())
    thread_pool = ThreadPool(4)
    workers = others(before)
    assert len(workers) == 3
    thread_pool.close()
    for worker in workers:
        worker.join(timeout=10)
        assert not worker.is_alive()


def test_a_copied_crew_has_threads_of_its_own() -> None:
    thread_pool, done = ThreadPool(2), []
    other = copy.deepcopy(thread_pool)
    thread_pool.close()
    other.each(done.append, 5)
    assert sorted(done) == list(range(5))
    other.close()


def test_a_crew_that_nobody_needs_any_more_ends_its_threads() -> None:
    before = set(threading.enumerate())
    thread_pool = ThreadPool(3)
    thread_pool.each(lambda number: time.sleep(0.01), 4)
    workers = others(before)
    del thread_pool
    gc.collect()
    for worker in workers:
        worker.join(timeout=10)
        assert not worker.is_alive()
