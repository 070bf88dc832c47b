"""How units on an attack-move take, keep, change and lose their targets, and what orders nobody can carry out."""

from __future__ import annotations

import numpy as np
import pytest

from support.arena import EAST, FIRST_TARGET, Arena

NOBODY = -1


@pytest.mark.parametrize(
    ("kind", "reach"),
    [
        ("marine", 5.75),  # 5 cells and both radii; a marine's is 0.375
        ("marauder", 6.9375),
        ("stalker", 7.0),
        ("zealot", 5.875),  # sees 5 cells far, however short its blades are
        ("zergling", 5.75),
        ("baneling", 5.75),
        ("hydralisk", 6.0),
        ("colossus", 7.375),
        ("spine_crawler", 8.25),
    ],
)
def test_a_target_is_found_within_the_weapon_s_range_or_five_cells(kind: str, reach: float) -> None:
    near = Arena([("marine", 10, 16)], [(kind, 10 + reach - 0.001, 16)])
    far = Arena([("marine", 10, 16)], [(kind, 10 + reach + 0.001, 16)])
    assert near.choose(1) == 0
    assert far.choose(1) == NOBODY
    far.loop(40)
    assert far.units["target"][1] == NOBODY


def test_the_nearest_is_taken_from_edge_to_edge() -> None:
    arena = Arena([("marine", 10, 13), ("colossus", 10, 16.3)], [("zealot", 10, 11)])
    assert arena.choose(2) == 0
    arena = Arena([("marine", 10, 15.7), ("colossus", 10, 6.1)], [("zealot", 10, 11)], map="3s_vs_3z")
    assert arena.choose(2) == 1  # 4.9 cells away, less 1; the marine is 4.7 away, less 0.375


def test_equals_are_drawn_for() -> None:
    arenas = [Arena([("marine", 12, y) for y in (13, 16, 19)], [("marine", 12, 16)], seed=seed) for seed in range(150)]
    for arena in arenas:
        arena.units["health"][1] = 0
    chosen = [arena.choose(3) for arena in arenas]
    assert set(chosen) == {0, 2}
    assert 50 < chosen.count(0) < 100


def test_a_target_is_kept_though_another_comes_nearer() -> None:
    arena = Arena([("marine", 10, 16), ("marine", 10, 22)], [("marine", 15, 16)])
    assert arena.choose(2) == 0
    arena.units["x"][1], arena.units["y"][1] = 14, 16
    arena.loop(20)
    assert arena.units["target"][2] == 0


def test_one_that_has_left_the_reach_gives_way_to_one_within_it() -> None:
    arena = Arena([("marine", 10, 16), ("marine", 10, 23)], [("marine", 15, 16)])
    arena.loop(3)
    arena.units["x"][0] = 3
    assert arena.choose(2) == 0
    arena.units["x"][1], arena.units["y"][1] = 12, 16
    assert arena.choose(2) == 1


def test_melee_changes_only_for_somebody_it_can_strike() -> None:
    arena = Arena([("marine", 10, 16), ("marine", 13, 17)], [("zealot", 14, 16)])
    assert arena.choose(2) == 1
    arena.units["x"][1] = 18
    arena.units["x"][0] = 12
    assert arena.choose(2) == 1  # 0 is nearer, but not within 0.1 cells
    arena.units["x"][0] = arena.units["x"][2] - 0.9
    assert arena.choose(2) == 0


@pytest.mark.parametrize(("led", "kept"), [(20.9, True), (21.1, False)])
def test_the_leash(led: float, kept: bool) -> None:
    """A unit is led 21 cells from where it took its target, and no further."""
    arena = Arena([("marine", 20, 16)], [("marine", 25, 16)])
    arena.loop(3)
    arena.units["leash_x"][1] = 25 - led
    arena.units["x"][0] = 2
    assert (arena.choose(1) == 0) == kept


def test_hunters_know_no_leash_and_see_everywhere() -> None:
    arena = Arena([("colossus", 16, 19.5)], [("zergling", 1.5, 10.5)], map="2c_vs_64zg", hunting=True)
    assert arena.choose(1) == 0
    arena.units["leash_x"][1] = 31
    arena.loop(30)
    assert arena.units["target"][1] == 0
    assert arena.place(1) != (1.5, 10.5)


def test_hunters_turn_to_the_other_colossus_when_one_is_dead() -> None:
    arena = Arena(
        [("colossus", 8, 16), ("colossus", 26, 16)],
        [("zergling", 10, 9), ("zergling", 16, 9)],
        "2c_vs_64zg",
        hunting=True,
    )
    arena.loop()
    assert arena.units["target"].tolist()[2:] == [0, 0]
    arena.units["health"][0] = 0
    arena.loop()
    assert arena.units["target"].tolist()[2:] == [1, 1]


def sniper(*friends: tuple[str, float, float]) -> Arena:
    """An agent's stalker shoots a zealot from where the zealots do not see it; the first hit lands in loop 10."""
    arena = Arena([("stalker", 10, 16)], [("zealot", 17, 16), *friends])
    arena.attack(0, 1)
    return arena


def test_the_attacked_go_for_the_attacker_and_call_those_within_four_cells() -> None:
    arena = sniper(("zealot", 20.9, 16), ("zealot", 21.1, 17))
    arena.loop(9)
    assert arena.units["target"][1:].tolist() == [NOBODY] * 3
    arena.loop()
    assert arena.units["target"][1:].tolist() == [0, 0, NOBODY]


def test_nobody_is_called_twice_within_two_seconds() -> None:
    arena = sniper()
    arena.loop(10)
    arena.units["target"][1] = NOBODY
    arena.units["x"][0] = 10.2
    arena.loops_until(lambda: arena.units["hurt_at"][1] > 12)
    assert arena.units["target"][1] == NOBODY
    arena.units["target"][1] = NOBODY
    arena.loops_until(lambda: arena.units["hurt_at"][1] > 50)
    assert arena.units["target"][1] == 0


def test_only_those_who_can_attack_come_and_nobody_leaves_his_target() -> None:
    arena = Arena(
        [("medivac", 16, 12), ("stalker", 10, 16)],
        [("zealot", 17, 16), ("medivac", 18, 16), ("stalker", 18, 18)],
    )
    arena.attack(1, 2)
    arena.loop(10)
    assert arena.units["target"][2:].tolist() == [1, NOBODY, 0]


def test_agents_do_not_answer_calls() -> None:
    arena = Arena([("marine", 10, 16), ("marine", 10, 17)], [("stalker", 16, 16)])
    arena.loop(40)
    assert arena.total(0) + arena.total(1) < 90
    assert arena.units["target"][:2].tolist() == [NOBODY, NOBODY]


@pytest.mark.parametrize("kind", ["marauder", "zealot", "zergling", "baneling", "colossus", "spine_crawler"])
def test_who_cannot_shoot_up_does_not_see_what_flies(kind: str) -> None:
    arena = Arena([("medivac", 12, 16), ("marine", 10, 19)], [(kind, 12, 17)])
    assert arena.choose(2) == 1
    arena.units["health"][1] = 0
    arena.loop(5)
    assert arena.units["target"][2] == NOBODY
    assert arena.units["health"][0] == 150


@pytest.mark.parametrize("kind", ["marine", "stalker", "hydralisk"])
def test_who_can_shoot_up_does(kind: str) -> None:
    arena = Arena([("medivac", 12, 16), ("marine", 12, 21)], [(kind, 12, 17)])
    assert arena.choose(2) == 0
    arena.loop(12)
    assert arena.units["health"][0] < 150


def test_an_order_nobody_can_carry_out_changes_nothing() -> None:
    """A marauder told to attack a medivac goes on walking, or goes on with its old target."""
    arena = Arena([("marauder", 10, 16)], [("medivac", 13, 16), ("marine", 14, 16)])
    arena.units["order"][1:] = 0
    arena.act(0, EAST)
    arena.loop()
    before = arena.units[0].copy()
    arena.act(0, FIRST_TARGET)
    before["last_action"] = FIRST_TARGET
    assert arena.units[0] == before
    arena.loop()
    assert arena.place(0)[0] == pytest.approx(10 + 2 * 2.25 / 16)
    arena.act(0, FIRST_TARGET + 1)
    arena.loop()
    attacking = arena.units[0].copy()
    arena.act(0, FIRST_TARGET)
    attacking["last_action"] = FIRST_TARGET
    assert arena.units[0] == attacking
    arena.loop(10)
    assert arena.units["health"][1] == 150
    assert arena.units["health"][2] == 35


def test_whoever_is_left_without_a_target_goes_on_to_the_goal() -> None:
    arena = Arena([("marine", 20, 16)], [("zealot", 24, 16)], goal=(26, 22))
    assert arena.choose(1) == 0
    arena.units["health"][0] = 0
    assert arena.choose(1) == NOBODY
    arena.loop(200)
    assert np.hypot(arena.place(1)[0] - 26, arena.place(1)[1] - 22) <= 0.05
    assert arena.units["arrived"][1]


def test_at_the_goal_they_still_take_targets() -> None:
    arena = Arena([("marine", 1, 16)], [("marine", 24, 16)], goal=(24, 16))
    arena.loop(5)
    assert arena.units["arrived"][1]
    arena.units["x"][0] = 19
    arena.loop(8)
    assert arena.units["health"][0] < 45


def test_a_spine_crawler_attacks_who_comes_near_and_never_moves() -> None:
    arena = Arena([("stalker", 14, 9), ("stalker", 14, 26)], [("spine_crawler", 14, 18)], map="2s_vs_1sc")
    arena.units["x"][1] = 14.3
    arena.send(0, 14, 18)
    arena.send(1, 14, 18)
    arena.loop(60)
    assert arena.place(2) == (14, 18)
    assert arena.units["health"][:2].sum() + arena.units["shield"][:2].sum() < 320
