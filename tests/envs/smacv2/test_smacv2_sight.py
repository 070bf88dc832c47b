"""Discoveries, open masks and cones of sight, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fedqmix.envs.skirmish import orders
from fedqmix.envs.skirmish.arrays import MOVE, TARGET
from fedqmix.envs.skirmish.scene import make_scene
from fedqmix.envs.skirmish.smacv2 import sight
from support.callable_rules import callable_kernel
from support.smacv2_units import Shown

give_order, in_cone = callable_kernel(orders.give_order), callable_kernel(sight.in_cone)
MARINE = "marine"  # sees less than 9 cells far, shoots at most 5


def row(*places) -> list[tuple[str, float, float]]:
    """Marines in one row of the field."""
    return [(MARINE, x, 16.0) for x in places]


def test_sight_and_range_depend_on_the_type() -> None:
    """One enemy is exactly as far as each agent sees (not seen) or shoots (may be attacked)."""
    for type_, sees, shoots in [
        ("marine", 9, 5),
        ("marauder", 10, 6),
        ("medivac", 11, 4),
        ("zergling", 8, 2),
        ("hydralisk", 9, 5),
        ("baneling", 8, 2),
        ("stalker", 10, 6),
        ("zealot", 9, 2),
        ("colossus", 10, 7),
    ]:
        race = {"m": "terran", "zergling": "zerg"}.get(type_ if type_ == "zergling" else type_[0])
        race = race or ("zerg" if type_ in ("hydralisk", "baneling") else "protoss")
        other = {"terran": "marine", "zerg": "zergling", "protoss": "stalker"}[race]
        for away, seen in ((sees, []), (sees - 0.01, [0])):
            battle = Shown(f"{race}_1_vs_1", [(type_, 10.0, 16.0), (other, 10.0 + away, 16.0)]).look()
            assert battle.seen(0) == seen
            if seen:
                np.testing.assert_allclose(battle.enemies(0)[0, 1:4], [away / sees, away / sees, 0], atol=1e-6)
        for away, target in ((shoots, [0]), (shoots + 0.01, [])):
            battle = Shown(f"{race}_1_vs_1", [(type_, 10.0, 16.0), (other, 10.0 + away, 16.0)]).look()
            assert battle.attackable(0) == ([] if type_ == "medivac" else target)


def test_agents_observe_their_own_places() -> None:
    battle = Shown("terran_1_vs_1", [(MARINE, 8.0, 24.0), (MARINE, 30.0, 2.0)]).look()
    assert battle.observations[0, 0, -6:].tolist() == [1.0, 0.25, 0.75, 1.0, 0.0, 0.0]  # health, x, y, types


def test_without_grants_only_the_discoverer_sees_an_enemy() -> None:
    """Three agents side by side see both enemies; whoever looks first claims both, and keeps the claim."""
    battle = Shown("terran_3_vs_2", row(10.0, 11.0, 12.0, 14.0, 15.0), prob_obs_enemy=0.0).look()
    claimer = int(battle.units[0, 3]["claimed_by"])
    assert [battle.seen(agent) for agent in range(3)] == [[0, 1] if agent == claimer else [] for agent in range(3)]
    for _ in range(20):  # other orders of looking change nothing
        battle.look()
        assert [len(battle.seen(agent)) for agent in range(3)] == [2 * (agent == claimer) for agent in range(3)]
    assert all(battle.attackable(agent) == [0, 1] for agent in range(3))  # the mask tells


def test_the_first_to_look_is_any_agent() -> None:
    first = set()
    for start in range(60):
        battle = Shown("terran_3_vs_2", row(10.0, 11.0, 12.0, 14.0, 15.0), prob_obs_enemy=0.0)
        battle.units["sight_random"] += np.uint64(977 * start)
        first.add(int(battle.look().units[0, 3]["claimed_by"]))
    assert first == {0, 1, 2}


def test_a_claim_stays_while_the_enemy_is_out_of_sight() -> None:
    battle = Shown("terran_2_vs_1", row(10.0, 30.0, 14.0), prob_obs_enemy=0.0).look()
    assert [battle.seen(agent) for agent in (0, 1)] == [[0], []]
    battle.units["x"][0, 2] = 26.0  # only agent 1 has it in sight, and may not see it
    assert [battle.look().seen(agent) for agent in (0, 1)] == [[], []]
    battle.units["x"][0, 2] = 14.0
    assert battle.look().seen(0) == [0]


def test_a_claim_ends_with_the_claimer() -> None:
    battle = Shown("terran_2_vs_1", row(10.0, 30.0, 14.0), prob_obs_enemy=0.0).look()
    battle.units["x"][0, 1] = 15.0
    assert battle.look().seen(1) == []
    battle.units["health"][0, 0] = 0.0
    assert battle.look().seen(1) == [0]
    assert battle.units[0, 2]["claimed_by"] == 1


def test_a_grant_ends_with_the_claimer_too() -> None:
    """Agent 0 claims for both; after its death agent 1 is out of sight, and agent 2 claims for itself."""
    battle = Shown("terran_3_vs_1", row(10.0, 31.0, 31.5, 14.0), prob_obs_enemy=0.5)
    battle.units["claimed_by"][0, 3], battle.units["granted"][0, 3] = 0, 0b011
    battle.units["x"][0, 1] = 13.0
    assert battle.look().seen(1) == [0]
    battle.units["health"][0, 0] = 0.0
    battle.units["x"][0, 1] = 31.0
    battle.look()
    assert battle.units[0, 3]["claimed_by"] == -1
    assert battle.units[0, 3]["granted"] == 0


def test_grants_have_their_probability() -> None:
    granted = 0
    for start in range(1500):
        battle = Shown("terran_3_vs_1", row(10.0, 11.0, 12.0, 14.0), prob_obs_enemy=0.3)
        battle.units["sight_random"] += np.uint64(1000003 * start)
        granted += sum(len(battle.look().seen(agent)) for agent in range(3)) - 1
    assert abs(granted / 3000 - 0.3) < 0.03


def test_the_released_code_hides_enemies_of_lower_numbers() -> None:
    """Enemies 0, 1, 3 are in sight and 2 is far: correct code shows three, the released one only the last."""
    units = row(10.0, 12.0, 13.0, 30.0, 14.0)
    assert Shown("terran_1_vs_4", units).look().seen(0) == [0, 1, 3]
    assert Shown("terran_1_vs_4", units, quirk=True).look().seen(0) == [3]
    assert Shown("terran_1_vs_4", units, quirk=True).look().attackable(0) == [0, 1, 3]
    found = Shown("terran_1_vs_4", units, quirk=True)
    found.units["claimed_by"][0, 3], found.units["granted"][0, 3] = 0, 1  # enemy 2 was discovered before
    assert found.look().seen(0) == [0, 1, 3]


def test_in_the_released_code_a_far_dead_enemy_hides_others() -> None:
    near, far = row(10.0, 12.0, 13.0, 14.0), row(10.0, 12.0, 30.0, 14.0)
    for units, seen in ((near, [0, 2]), (far, [2])):
        battle = Shown("terran_1_vs_3", units, quirk=True)
        battle.units["health"][0, 2] = 0.0
        assert battle.look().seen(0) == seen
        battle = Shown("terran_1_vs_3", units)
        battle.units["health"][0, 2] = 0.0
        assert battle.look().seen(0) == [0, 2]


def test_an_open_mask_offers_all_living_targets() -> None:
    units = [("marauder", 2.0, 2.0), ("medivac", 3.0, 2.0), ("marine", 30.0, 30.0), *row(6.0, 20.0, 21.0, 22.0)]
    battle = Shown("terran_3_vs_4", units, action_mask=False)
    battle.units["health"][0, 4] = 0.0
    battle.look()
    assert battle.attackable(0) == battle.attackable(2) == [0, 2, 3]
    assert battle.attackable(1) == [0, 2]  # the medivac heals all but medivacs
    assert battle.enemies(2)[:, 0].tolist() == [0, 0, 0, 0]  # nothing is in range
    moved = Shown("terran_3_vs_4", [("marauder", 6.0, 16.0), *units[1:]], action_mask=False).look()
    assert moved.enemies(0)[0, 0] == 1


def order(battle: Shown, agent: int, action: int) -> None:
    give_order(make_scene(battle.record, battle.layout.vision), battle.units, 0, agent, action)


def test_an_attack_out_of_range_changes_nothing() -> None:
    battle = Shown("terran_1_vs_2", row(10.0, 14.0, 25.0), action_mask=False)
    order(battle, 0, 4)
    order(battle, 0, 6 + 1)
    unit = battle.units[0, 0]
    assert (unit["order"], unit["goal_x"], unit["last_action"]) == (MOVE, 12.0, 7)
    order(battle, 0, 6 + 0)
    assert (battle.units[0, 0]["order"], battle.units[0, 0]["target"]) == (TARGET, 1)


def test_a_turn_of_the_view_leaves_the_order() -> None:
    battle = Shown("terran_1_vs_2", row(10.0, 14.0, 25.0), conic_fov=True)
    order(battle, 0, 18 + 0)
    order(battle, 0, 6 + 9)
    unit = battle.units[0, 0]
    assert (unit["order"], unit["target"], unit["facing"], unit["last_action"]) == (TARGET, 1, 9, 15)


def test_a_cone_shows_what_lies_in_it() -> None:
    """Agents face east: enemies at 0, 14 and 16 degrees, straight west, and exactly at the end of sight."""
    places = [(16 + 4 * np.cos(angle), 16 + 4 * np.sin(angle)) for angle in np.radians([0, 14, 16, 180])]
    units = [(MARINE, 16.0, 16.0), *((MARINE, *place) for place in places), (MARINE, 25.0, 16.0)]
    battle = Shown("terran_1_vs_5", units, conic_fov=True).look()
    assert battle.seen(0) == [0, 1, 4]
    assert battle.attackable(0) == [0, 1]
    assert Shown("terran_1_vs_5", units, conic_fov=True, quirk=False).look().observations[0, 0, -7:-3].tolist() == [
        0.5,
        0.5,
        1.0,
        0.0,
    ]
    north = [(MARINE, 16.0, 16.0, 45, 0, 0, 0, 3), *units[1:]]
    assert Shown("terran_1_vs_5", north, conic_fov=True).look().seen(0) == []
    state = Shown("terran_1_vs_5", north, conic_fov=True).look().state[0]
    np.testing.assert_allclose(state[4:6], [0, 1], atol=1e-6)


def bearings_in_cone(facing: int, **changes) -> list[int]:
    """The bearings in degrees, without those exactly at a border, that a cone sees."""
    limits = Shown("terran_1_vs_1", row(1.0, 2.0), conic_fov=True, **changes).layout.vision.limits
    inside = [bearing for bearing in range(360) if bearing % 15]
    return [one for one in inside if in_cone(limits, facing, np.cos(np.radians(one)), np.sin(np.radians(one)))]


@pytest.mark.parametrize("facing", range(12))
def test_cones_are_thirty_degrees_wide(facing: int) -> None:
    expected = {(30 * facing + turn) % 360 for turn in range(-14, 15) if turn}
    assert set(bearings_in_cone(facing)) == expected
    limits = Shown("terran_1_vs_1", row(1.0, 2.0), conic_fov=True).layout.vision.limits
    assert in_cone(limits, facing, 0.0, 0.0)


@pytest.mark.parametrize(
    ("facing", "also"),
    [(0, range(166, 195)), (1, range(91, 105)), (6, [*range(346, 360), *range(15)]), (8, range(271, 285))],
)
def test_the_released_cones_see_the_other_side_too(facing: int, also) -> None:
    """By hand: the tangents of 0 and 180 degrees agree, and beyond the vertical any direction counts as vertical."""
    expected = {(30 * facing + turn) % 360 for turn in range(-14, 15)} | set(also)
    assert set(bearings_in_cone(facing, quirk=True)) == {bearing for bearing in expected if bearing % 15}
