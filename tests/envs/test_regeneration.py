"""What comes back by itself: shields 2 a second after 10 s without a hit, zerg health 0.2734 a second."""

from __future__ import annotations

import pytest

from support.arena import Arena


@pytest.mark.parametrize("kind", ["zealot", "stalker", "colossus"])
def test_shields_come_back_after_ten_seconds(kind: str) -> None:
    """Hit in loop 2, so from loop 162 on: of the 21st environment step, which ends with loop 168, 6 loops count."""
    arena = Arena([("marine", 10, 16)], [(kind, 14, 16)])
    full = arena.units["shield"][1]
    arena.units["order"][1] = 0
    arena.attack(0, 1)
    arena.loop(2)
    arena.act(0, 1)
    arena.units["x"][0] = 1
    assert arena.units["shield"][1] == full - 6
    arena.loop(6)
    arena.step(19)
    assert arena.units["shield"][1] == full - 6
    for gained in (0.75, 1.75, 2.75, 3.75, 4.75, 5.75, 6, 6):
        arena.step()
        assert arena.units["shield"][1] == pytest.approx(full - 6 + gained)


def test_a_new_hit_starts_the_wait_anew() -> None:
    arena = Arena([("marine", 1, 16)], [("zealot", 30, 16)])
    arena.units["shield"][1] = 20
    arena.step(19)
    arena.units["hurt_at"][1] = 19 * 8
    arena.step(20)
    assert arena.units["shield"][1] == 20
    arena.step()
    assert arena.units["shield"][1] == 21


@pytest.mark.parametrize("kind", ["zergling", "baneling", "hydralisk", "spine_crawler"])
def test_zerg_health_comes_back_at_once(kind: str) -> None:
    arena = Arena([("marine", 1, 16)], [(kind, 30, 16)])
    full = arena.units["health"][1]
    arena.units["health"][1] = full - 1
    arena.step()
    assert arena.units["health"][1] == pytest.approx(full - 1 + 0.1367)
    arena.step(7)
    assert arena.units["health"][1] == full


@pytest.mark.parametrize("kind", ["marine", "marauder", "medivac", "zealot", "stalker", "colossus"])
def test_other_health_does_not(kind: str) -> None:
    arena = Arena([("marine", 1, 16)], [(kind, 30, 16)])
    arena.units["health"][1] -= 5
    before = arena.units["health"][1]
    arena.step(30)
    assert arena.units["health"][1] == before


def test_the_dead_regenerate_nothing() -> None:
    arena = Arena([("zealot", 1, 16), ("medivac", 3, 16)], [("zergling", 30, 16)])
    for field in ("health", "shield", "energy"):
        arena.units[field] = 0
    arena.step(40)
    for field in ("health", "shield", "energy"):
        assert not arena.units[field].any()
