"""The rules of walking: walls, keeping apart, arriving."""

from __future__ import annotations

import numpy as np
import pytest
from arena import Arena

APART = 0.75 - 0.03  # two marines' separation radii, less the touch that is allowed


def distances(arena: Arena) -> np.ndarray:
    alive = arena.units[arena.units["health"] > 0]
    dx, dy = (alive[axis][:, None] - alive[axis][None] for axis in ("x", "y"))
    return np.hypot(dx, dy)[np.triu_indices(len(alive), 1)]


def test_a_wall_stops_and_lets_slide() -> None:
    arena = Arena([(10, 23.5)], [(30, 16)], ordered=False)
    arena.act(0, 2)
    arena.loop(16)
    assert 23.8 < arena.units["y"][0] < 24
    arena.units["goal_x"][0] = 13.0  # on towards the wall, and along it
    before = arena.units["x"][0]
    arena.loop(8)
    assert arena.units["x"][0] > before + 0.5
    assert arena.units["y"][0] < 24


def test_the_map_s_edge_stops_too() -> None:
    arena = Arena([(0.3, 16)], [(30, 16)], ordered=False)
    arena.act(0, 5)
    arena.loop(16)
    assert 0 <= arena.units["x"][0] < 0.15


def test_overlapping_units_part_evenly() -> None:
    arena = Arena([(10, 16), (10.2, 16)], [(30, 16)], ordered=False)
    arena.loop(10)
    assert arena.units["x"][:2].mean() == pytest.approx(10.1)
    assert distances(arena).min() >= APART - 1e-6


def test_units_in_the_same_place_part() -> None:
    arena = Arena([(10, 16), (10, 16), (10, 16)], [(30, 16)], ordered=False)
    arena.loop(30)
    assert distances(arena).min() >= APART - 0.01


def test_a_walker_goes_around_one_who_stands() -> None:
    arena = Arena([(10, 16), (11, 16)], [(30, 16)], ordered=False)
    arena.act(0, 4)
    arena.units["goal_x"][0] = 14
    arena.loop(60)
    assert arena.units["x"][0] == pytest.approx(14, abs=0.06)
    assert (arena.units["x"][1], arena.units["y"][1]) == (11, 16)


def test_order_of_units_does_not_matter() -> None:
    places = [(10, 16), (10.4, 16.3), (10.1, 15.8), (12, 16)]
    one = Arena(places, [(30, 16)], ordered=False)
    other = Arena(places[::-1], [(30, 16)], ordered=False)
    for arena, agents in ((one, range(4)), (other, range(3, -1, -1))):
        for agent, action in zip(agents, (4, 2, 5, 5), strict=True):
            arena.act(agent, action)
        arena.loop(12)
    for axis in ("x", "y"):
        np.testing.assert_allclose(one.units[axis][:4], other.units[axis][:4][::-1], atol=1e-9)


def test_a_mirrored_battle_is_the_mirror_image() -> None:
    places = [(23, 15), (23.6, 15.4), (23.2, 16.3)]
    mirrored = [(x, 32 - y) for x, y in places]
    one, other = Arena([(1, 8.5)], places), Arena([(1, 8.5)], mirrored)
    for arena in (one, other):
        arena.loop(80)
    np.testing.assert_allclose(one.units["x"][1:], other.units["x"][1:], atol=1e-9)
    np.testing.assert_allclose(one.units["y"][1:], 32 - other.units["y"][1:], atol=1e-9)


def test_enemies_gather_at_their_destination_and_rest() -> None:
    rows = [(23 + 0.8 * i, 14 + 0.8 * j) for i in range(5) for j in range(5)]
    arena = Arena([(31.5, 8.5)], rows, destination=(9, 16))
    arena.units["health"][0] = 0
    arena.loop(260)
    enemies = arena.units[1:]
    assert enemies["arrived"].all()
    assert np.hypot(enemies["x"] - 9, enemies["y"] - 16).max() < 5
    before = enemies.copy()
    arena.loop(30)
    assert np.hypot(enemies["x"] - before["x"], enemies["y"] - before["y"]).max() < 0.5
    assert distances(arena).min() > APART - 0.05


def test_a_crowd_after_one_target_presses_but_does_not_pile_up() -> None:
    """25 marines after one: they touch and press, but no two ever share a place, and in the end they stand apart."""
    rows = [(20 + 0.8 * i, 14 + 0.8 * j) for i in range(5) for j in range(5)]
    arena = Arena([(1, 16)], rows, destination=(1, 16))
    arena.units["health"][0] = 1e6
    closest = []
    for _ in range(300):
        arena.loop()
        closest.append(distances(arena).min())
    assert min(closest) > 0.2
    assert min(closest[-50:]) > 0.45
    assert np.median(distances(arena)) > 1.5
