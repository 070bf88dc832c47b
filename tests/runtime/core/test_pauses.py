"""Pauses that grow with the time waited."""

import pytest

from fedqmix.runtime.core.pauses import GrowingPause


def test_a_pause_is_a_fifth_of_the_time_waited_within_bounds() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pauses = GrowingPause(least=0.1, most=1.0, clock=lambda: now[0], sleep=sleep)
    for _ in range(30):
        pauses.pause()
    assert slept[:6] == pytest.approx([0.1] * 6)  # until half a second has passed
    assert slept[6] == pytest.approx(0.12)
    assert slept[7] == pytest.approx(0.144)
    assert slept[-1] == 1.0
    pauses.restart()
    pauses.pause()
    assert slept[-1] == pytest.approx(0.1)


def test_no_pause_is_longer_than_the_most() -> None:
    assert GrowingPause(least=0.1, most=0.05).next() == 0.05
    assert GrowingPause(least=0.1, most=1.0).next(most=0.02) == 0.02


def test_after_a_check_that_waited_itself_the_pause_is_the_shortest() -> None:
    now, slept = [0.0], []
    pauses = GrowingPause(least=0.1, most=1.0, clock=lambda: now[0], sleep=slept.append)
    now[0] = 10.0
    pauses.pause()
    now[0] = 10.2
    pauses.pause()
    now[0] = 10.21
    pauses.pause()
    assert slept == pytest.approx([0.1, 0.1, 1.0])
