"""Who is to blame for a silence."""

from fedqmix.runtime.core.controls import Standing
from fedqmix.server.signs import Signs

PATIENCE = 300.0


def standing(*calls):
    """Agents 0, 1, ... have made so many calls."""
    return Standing(dict(enumerate(calls)))


def test_who_waits_for_another_is_not_to_blame():
    signs = Signs(range(3), 0.0)
    signs.seen(standing(7, 6, 7), 10.0)
    assert signs.overdue([0, 1, 2], 310.0, PATIENCE) == []
    assert signs.overdue([0, 1, 2], 311.0, PATIENCE) == [1]


def test_who_never_came_is_to_blame():
    signs = Signs(range(3), 0.0)
    signs.seen(standing(1, 1), 200.0)
    assert signs.overdue([0, 1, 2], 301.0, PATIENCE) == [2]


def test_who_has_answered_is_not():
    signs = Signs(range(2), 0.0)
    signs.answered([0], 5.0)
    assert signs.overdue([1], 301.0, PATIENCE) == [1]
    assert signs.overdue([], 301.0, PATIENCE) == []


def test_a_long_round_that_goes_on_is_no_silence():
    signs = Signs(range(2), 0.0)
    for minute in range(60):
        signs.seen(standing(minute, minute + 1), 60.0 * minute)
        assert signs.overdue([0, 1], 60.0 * minute, PATIENCE) == []


def test_doing_a_long_round_again_is_no_silence():
    signs = Signs(range(2), 0.0)
    signs.seen(standing(5000, 5000), 900.0)
    signs.begin()
    for minute in range(15, 30):
        signs.seen(standing(minute, minute), 60.0 * minute)
        assert signs.overdue([0, 1], 60.0 * minute + 59, PATIENCE) == []


def test_attempts_that_one_agent_never_joins_are_one_silence():
    signs = Signs(range(2), 0.0)
    for attempt in range(4):
        signs.begin()
        signs.seen(standing(3), 100.0 * attempt)
    assert signs.overdue([0, 1], 301.0, PATIENCE) == [1]


def test_that_nobody_can_tell_blames_nobody_who_was_heard_of_lately():
    signs = Signs(range(2), 0.0)
    signs.seen(standing(4, 3), 100.0)
    signs.seen(None, 350.0)
    assert signs.overdue([0, 1], 350.0, PATIENCE) == []
    assert signs.overdue([0, 1], 401.0, PATIENCE) == [1]
