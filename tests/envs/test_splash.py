"""Weapons that hit more than their target: the colossus' line and the baneling's burst."""

from __future__ import annotations

import pytest

from support.arena import Arena


def lances(*others: tuple[str, float, float], friends=()) -> Arena:
    """A colossus at (10, 16) attacks a marine at (16, 16): the line runs from (16, 14.75) to (16, 17.25)."""
    arena = Arena([("colossus", 10, 16), *friends], [("marine", 16, 16), *others])
    arena.units["order"] = 0
    arena.attack(0, 1 + len(friends))
    return arena


@pytest.mark.parametrize(
    ("x", "y", "hit"),
    [
        (16, 17.25, True),
        (16, 17.77, True),  # 0.15 and its own radius of 0.375 beyond the end
        (16, 17.78, False),
        (16, 14.23, True),
        (16, 14.22, False),
        (16.52, 16.5, True),
        (16.53, 16.5, False),
        (15.48, 15.5, True),
        (15.47, 15.5, False),
        (13, 16, False),  # between the two
    ],
)
def test_who_stands_in_the_line(x: float, y: float, hit: bool) -> None:
    arena = lances(("marine", x, y))
    arena.units["stirred"] = False
    arena.loop(6)
    for number, (want_x, want_y) in ((1, (16, 16)), (2, (x, y))):
        assert arena.place(number) == (want_x, want_y)
    assert arena.units["health"][1] == 25
    assert arena.units["health"][2] == (25 if hit else 45)


def test_the_line_lies_across_the_shot() -> None:
    arena = Arena([("colossus", 10, 12)], [("marine", 14, 16), ("marine", 14.8, 15.2), ("marine", 14.8, 16.8)])
    arena.units["order"] = 0
    arena.attack(0, 1)
    arena.loop(12)
    assert arena.units["health"][1:].tolist() == [5, 5, 45]


def test_each_sweep_hits_everybody_once() -> None:
    arena = lances(("marauder", 16, 17))
    assert arena.losses(2, 12) == [(6, 19), (12, 19)]
    assert arena.hits[0].tolist() == [[True, True]]


def test_friends_and_flyers_are_spared() -> None:
    arena = lances(("medivac", 16, 17), friends=[("marine", 16, 16.8), ("colossus", 16, 15)])
    arena.loop(13)
    assert arena.units["health"].tolist() == [200, 45, 200, 5, 150]
    assert arena.units["shield"].tolist() == [150, 0, 150, 0, 0]


def test_the_line_stays_where_the_target_was_when_shot_at() -> None:
    arena = lances(("marine", 16, 17))
    arena.loops_until(lambda: arena.units["hits_left"][0] == 2)
    arena.units["x"][1] = 20
    arena.loop(10)
    assert arena.units["health"][1:].tolist() == [45, 5]


def bursting(*others: tuple[str, float, float], friends=()) -> Arena:
    """A baneling at (10, 16) attacks a stalker at (10.9, 16)."""
    arena = Arena([("baneling", 10, 16), *friends], [("stalker", 10.9, 16), *others])
    arena.units["order"] = 0
    arena.units["stirred"] = False
    arena.battle["crowded"] = False
    arena.attack(0, 1 + len(friends))
    return arena


@pytest.mark.parametrize(
    ("kind", "distance", "loss"),
    [
        ("marine", 2.57, 35),  # 2.2 and its own radius of 0.375
        ("marine", 2.58, 0),
        ("colossus", 3.19, 20),
        ("colossus", 3.21, 0),
        ("hydralisk", 2.82, 35),
        ("medivac", 1.5, 0),  # it flies
    ],
)
def test_who_is_hit_by_a_burst(kind: str, distance: float, loss: float) -> None:
    arena = bursting((kind, 10 - distance, 16))
    before = arena.total(2)
    arena.loop(2)
    assert not arena.alive(0)
    assert before - arena.total(2) == loss
    assert arena.total(1) == 160 - 20


def test_a_burst_spares_friends() -> None:
    arena = bursting(friends=[("zergling", 9, 16), ("baneling", 10, 17)])
    arena.loop(2)
    assert arena.units["health"][:3].tolist() == [0, 35, 30]


def test_a_burst_happens_once() -> None:
    arena = bursting()
    assert arena.losses(1, 60) == [(2, 20)]
    assert arena.hits[0].tolist() == [[True]]


def test_a_baneling_bursts_when_it_is_killed() -> None:
    arena = Arena([("marine", 10, 16), ("marine", 10, 19)], [("baneling", 10, 17)])
    arena.units["order"][2], arena.units["health"][2] = 0, 6
    arena.attack(1, 2)
    arena.loop(2)
    assert arena.units["health"].tolist() == [10, 10, 0]


def test_it_still_strikes_when_it_is_killed_as_it_bursts() -> None:
    arena = bursting()
    arena.units["health"][0] = 1
    arena.units["order"][1], arena.units["arrived"][1] = 3, True
    arena.units["attacking"][1], arena.units["target"][1], arena.units["shot_at"][1] = True, 0, 1
    arena.loop(3)
    assert not arena.alive(0)
    assert arena.total(1) == 140


def test_bursts_set_off_bursts_in_the_same_loop() -> None:
    """20 points for each baneling: the first kills the second, weakened one, whose burst kills a third."""
    arena = Arena(
        [("baneling", 10, 16), ("baneling", 12.5, 16), ("marine", 14, 16)],
        [("baneling", 11, 16), ("baneling", 14, 17), ("marauder", 30, 16)],
    )
    arena.units["order"] = 0
    arena.units["health"][[1, 3, 4]] = 20
    arena.attack(0, 3)
    arena.loop(2)
    assert arena.units["health"].tolist() == [0, 0, 10, 0, 0, 125]


def test_a_zealot_survives_four_bursts_and_dies_of_the_fifth() -> None:
    """50 shield, 100 health, armour 1: 35, then 15 and 19, then 34 each time."""
    corners = [(9.1, 16), (10.9, 16), (10, 15.1), (10, 16.9), (9.3, 16.7)]
    arena = Arena([("baneling", *corner) for corner in corners], [("zealot", 10, 16)])
    arena.units["order"] = 0
    left = []
    for agent in range(5):
        arena.attack(agent, 5)
        arena.loop(2)
        left.append(arena.total(5))
    assert left == [115, 81, 47, 13, 0]
