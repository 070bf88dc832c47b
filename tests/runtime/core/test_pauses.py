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


def test_a_check_that_waited_itself_shortens_the_pause() -> None:
    now, slept = [0.0], []
    pauses = GrowingPause(least=0.1, most=1.0, clock=lambda: now[0], sleep=slept.append)
    now[0] = 0.04
    pauses.pause()
    assert slept == pytest.approx([0.06])
    now[0] = 2.0
    pauses.pause()
    assert len(slept) == 1
