"""The threads that share battles do every battle once and raise what goes wrong."""

from __future__ import annotations

import threading

import pytest

from envs.skirmish.crew import FEWEST, Crew


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, FEWEST - 1, 2 * FEWEST, 3 * FEWEST + 5])
def test_every_battle_is_done_once(threads: int, count: int) -> None:
    crew, done, workers = Crew(threads), [], set()

    def work(first: int, last: int) -> None:
        done.extend(range(first, last))
        workers.add(threading.get_ident())

    for _ in range(3):
        done.clear()
        crew.share(work, count)
        assert sorted(done) == list(range(count))
    assert len(workers) == max(min(threads, count // FEWEST), 1)
    crew.close()


@pytest.mark.parametrize("bad", [0, FEWEST, 2 * FEWEST])
def test_what_goes_wrong_anywhere_is_raised_and_the_crew_goes_on(bad: int) -> None:
    crew = Crew(3)

    def work(first: int, last: int) -> None:
        if first <= bad < last:
            raise ArithmeticError(f"battle {bad}")

    with pytest.raises(ArithmeticError, match=f"battle {bad}"):
        crew.share(work, 3 * FEWEST)
    done: list[int] = []
    crew.share(lambda first, last: done.extend(range(first, last)), 3 * FEWEST)
    assert sorted(done) == list(range(3 * FEWEST))
    crew.close()


def test_closing_ends_the_threads() -> None:
    before = set(threading.enumerate())
    crew = Crew(4)
    workers = set(threading.enumerate()) - before
    assert len(workers) == 3
    crew.close()
    for worker in workers:
        worker.join(timeout=10)
        assert not worker.is_alive()
