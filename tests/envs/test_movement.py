"""The rules of walking: speeds, walls, planes, keeping apart, arriving."""

from __future__ import annotations

import numpy as np
import pytest

from support.arena import EAST, NORTH, SOUTH, WEST, Arena

APART = 0.75 - 0.03  # two marines' separation radii, less the touch that is allowed
FAR_OFF = [("marine", 30, 16)]
# cells in an environment step of half a second
STEPS = {"marine": 1.125, "marauder": 1.125, "medivac": 1.375, "stalker": 1.47655, "zealot": 1.125, "colossus": 1.125}
STEPS |= {"zergling": 1.47655, "baneling": 1.25, "hydralisk": 1.125, "spine_crawler": 0}


def distances(arena: Arena) -> np.ndarray:
    alive = arena.units[arena.units["health"] > 0]
    dx, dy = (alive[axis][:, None] - alive[axis][None] for axis in ("x", "y"))
    return np.hypot(dx, dy)[np.triu_indices(len(alive), 1)]


@pytest.mark.parametrize("kind", STEPS)
def test_a_step_of_walking(kind: str) -> None:
    arena = Arena([(kind, 10, 16)], FAR_OFF)
    for action, (dx, dy) in {NORTH: (0, 1), SOUTH: (0, -1), EAST: (1, 0), WEST: (-1, 0)}.items():
        x, y = arena.place(0)
        arena.act(0, action)
        arena.loop(8)
        assert arena.place(0) == pytest.approx((x + dx * STEPS[kind], y + dy * STEPS[kind]))


@pytest.mark.parametrize("kind", ["marine", "stalker", "medivac"])
def test_a_move_goes_two_cells_and_then_stops(kind: str) -> None:
    arena = Arena([(kind, 10, 16)], FAR_OFF)
    arena.act(0, EAST)
    arena.loop(30)
    assert arena.place(0)[0] == pytest.approx(12, abs=0.06)
    assert arena.units["order"][0] == 0


def test_a_wall_stops_and_lets_slide() -> None:
    arena = Arena([("marine", 10, 23.5)], FAR_OFF)
    arena.act(0, NORTH)
    arena.loop(16)
    x, y = arena.place(0)
    assert 23.8 < y < 24
    arena.units["goal_x"][0] = 13.0  # on towards the wall, and along it
    arena.loop(8)
    assert arena.place(0)[0] > x + 0.5
    assert arena.place(0)[1] < 24


def test_the_map_s_edge_stops_everybody() -> None:
    arena = Arena([("marine", 0.3, 16), ("medivac", 0.3, 20), ("colossus", 0.3, 12)], FAR_OFF)
    for agent in range(3):
        arena.act(agent, WEST)
    arena.loop(16)
    assert all(0 <= arena.place(agent)[0] < 0.2 for agent in range(3))


def test_medivacs_fly_over_walls() -> None:
    arena = Arena([("medivac", 10, 23), ("marine", 12, 23)], FAR_OFF)
    for agent in range(2):
        arena.act(agent, NORTH)
    arena.loop(16)
    assert arena.place(0)[1] > 24.9
    assert arena.place(1)[1] < 24


def test_colossi_walk_over_the_cliff_and_zerglings_round_it() -> None:
    """The wall lies between y = 12 and 14, x = 4 and 28."""
    arena = Arena([("colossus", 15, 10), ("zergling", 17, 10)], [("marine", 1, 12)], map="2c_vs_64zg")
    arena.units["health"][2] = 0
    arena.send(0, 15, 16)
    arena.send(1, 17, 16)
    loops = arena.loops_until(lambda: arena.place(0)[1] > 15.9)
    assert arena.place(0)[0] == 15
    assert loops == pytest.approx(5.9 / 2.25 * 16, abs=1)
    trace = [arena.place(1)]
    for _ in range(250):
        arena.loop()
        trace.append(arena.place(1))
    assert trace[-1] == pytest.approx((17, 16), abs=0.06)
    assert not any(4 <= x < 28 and 12 <= y < 14 for x, y in trace)
    assert max(x for x, _ in trace) > 28


@pytest.mark.parametrize(
    ("walker", "stander"), [("colossus", "zealot"), ("medivac", "marine"), ("zergling", "colossus")]
)
def test_units_of_different_planes_pass_through_each_other(walker: str, stander: str) -> None:
    arena = Arena([(walker, 10, 16), (stander, 12, 16)], FAR_OFF)
    arena.send(0, 14, 16)
    arena.loop(40)
    assert arena.place(0) == pytest.approx((14, 16), abs=0.06)
    assert arena.place(0)[1] == 16
    assert arena.place(1) == (12, 16)


@pytest.mark.parametrize("kind", ["medivac", "colossus"])
def test_units_of_one_plane_do_not(kind: str) -> None:
    arena = Arena([(kind, 10, 16), (kind, 10.5, 16)], FAR_OFF)
    arena.loop(20)
    assert distances(arena).min() >= 1.5 - 0.03 - 1e-6


def test_overlapping_units_part_evenly() -> None:
    arena = Arena([("marine", 10, 16), ("marine", 10.2, 16)], FAR_OFF)
    arena.loop(10)
    assert arena.units["x"][:2].mean() == pytest.approx(10.1)
    assert distances(arena).min() >= APART - 1e-6


def test_units_in_the_same_place_part() -> None:
    arena = Arena([("marine", 10, 16)] * 3, FAR_OFF)
    arena.loop(30)
    assert distances(arena).min() >= APART - 0.01


def test_a_walker_goes_around_one_who_stands() -> None:
    arena = Arena([("marine", 10, 16), ("marine", 11, 16)], FAR_OFF)
    arena.send(0, 14, 16)
    arena.loop(60)
    assert arena.place(0)[0] == pytest.approx(14, abs=0.06)
    assert arena.place(1) == (11, 16)


def test_nobody_pushes_a_spine_crawler() -> None:
    arena = Arena([("zealot", 12, 16), ("zealot", 12, 16.9), ("zealot", 14, 17)], [("spine_crawler", 14, 16)])
    arena.endless(0, 1, 2)
    arena.send(0, 18, 16)
    arena.send(1, 14, 16)
    arena.loop(80)
    assert arena.place(3) == (14, 16)
    assert arena.place(0)[0] == pytest.approx(18, abs=0.06)
    gaps = np.hypot(arena.units["x"][:3] - 14, arena.units["y"][:3] - 16)
    assert gaps.min() >= 0.875 + 0.375 - 0.03 - 0.15  # one still presses


def test_enemies_gather_at_their_destination_and_rest() -> None:
    rows = [("marine", 23 + 0.8 * i, 14 + 0.8 * j) for i in range(5) for j in range(5)]
    arena = Arena([("marine", 31.5, 8.5)], rows, goal=(9, 16))
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
    """25 marines after one: they touch and press, but no two ever share a place, most stand apart."""
    rows = [("marine", 20 + 0.8 * i, 14 + 0.8 * j) for i in range(5) for j in range(5)]
    arena = Arena([("marine", 1, 16)], rows, goal=(1, 16))
    arena.endless(0)
    closest = []
    for _ in range(300):
        arena.loop()
        closest.append(distances(arena).min())
    assert min(closest) > 0.1
    assert min(closest[-50:]) > 0.2
    assert np.median(distances(arena)) > 1.5
