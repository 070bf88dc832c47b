"""Scripted teams: what they choose in moments set up by hand, and whole battles."""

from __future__ import annotations

import numpy as np
import pytest

from fedqmix.envs.factory import make_world
from fedqmix.envs.positions import POSITION, Ways, read_units
from fedqmix.envs.scripted import POLICIES, ScriptedTeam
from fedqmix.envs.units import unit_names
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from support.moments import DIRECTIONS, EAST, NORTH, SOUTH, WEST, moment, unit
from support.worlds import KeepingSink, options, over, training


def chosen(policy, allies, enemies, **more):
    scene = moment(allies, enemies, **more)
    actions = POLICIES[policy](scene)[:, 0]
    living = [number for number, one in enumerate(allies) if one["health"] > 0]
    assert all(scene.available[number, 0, actions[number]] for number in living)
    return actions.tolist()


def test_nearest_and_focus_take_whom_they_should():
    allies = [unit("marine", 10, 10)]
    enemies = [
        unit("marine", 15, 10, 20),
        unit("marine", 12, 10),
        unit("marine", 11, 10, 0),
        unit("marine", 14, 10, 20),
    ]
    assert chosen("nearest", allies, enemies) == [7]
    assert chosen("focus", allies, enemies) == [6]
    shielded = [unit("zealot", 12, 10, 20, shield=30), unit("zealot", 13, 10, 40)]
    assert chosen("focus", allies, shielded) == [7]


def test_fixed_orders_look_at_numbers_alone():
    enemies = [unit("marine", 12, 10, 0), unit("marine", 15, 10), unit("marine", 11, 10, 1), unit("marine", 14, 10)]
    marine = [unit("marine", 10, 10)]
    assert chosen("upwards", marine, enemies) == [7]
    assert chosen("downwards", marine, enemies) == [9]
    far = [unit("marine", 10, 2, 0), unit("marine", 10, 30), unit("marine", 2, 10), unit("marine", 30, 10)]
    assert chosen("upwards", marine, far) == [NORTH]
    assert chosen("downwards", marine, far) == [EAST]
    near = [*far[:3], unit("marine", 30, 10), unit("marine", 12, 10), unit("marine", 30, 11)]
    assert (
        chosen("upwards", marine, near) == chosen("downwards", marine, near) == [10]
    )  # who can be attacked comes first
    assert chosen("upwards", [unit("marauder", 10, 10)], [unit("medivac", 12, 10), unit("marine", 13, 10)]) == [7]


@pytest.mark.parametrize(("policy", "end"), [("upwards", 0), ("downwards", -1)])
def test_fixed_orders_are_kept_in_whole_battles(policy, end):
    world, team = make_world("2s3z", 7, options(), KeepingSink()), ScriptedTeam(policy, "2s3z", seed=7)
    battles, attacks = training(0, 8), 0
    time_step = world.begin(battles)
    team.begin(battles)
    while not over(time_step).all():
        actions = team.choose(read_units(world, 8), time_step.available_actions)
        for available, action in zip(time_step.available_actions.reshape(-1, 11), actions.ravel(), strict=True):
            targets = np.flatnonzero(available[6:])
            assert action == 6 + targets[end] if targets.size else action < 6
            attacks += targets.size > 0
        time_step = world.step(actions)
    assert attacks > 100


def test_who_cannot_attack_walks_the_longer_axis_first():
    far = [unit("marine", 14, 24), unit("marine", 3, 1, 10)]
    assert chosen("nearest", [unit("marine", 10, 10)], far) == [SOUTH]
    assert chosen("nearest", [unit("marine", 10, 10)], far[:1]) == [NORTH]
    assert chosen("nearest", [unit("marine", 10.6, 10)], [unit("marine", 20, 10.4)]) == [EAST]


def test_focus_walks_to_the_one_the_team_fights():
    allies = [unit("marine", 10, 10), unit("marine", 20, 10)]
    enemies = [unit("marine", 12, 10, 30), unit("marine", 20, 17, 45)]
    assert chosen("focus", allies, enemies) == [6, WEST]
    assert chosen("nearest", allies, enemies) == [6, NORTH]


def test_nobody_chases_what_his_weapon_cannot_hit():
    enemies = [unit("medivac", 12, 10), unit("marine", 15, 10)]
    assert chosen("nearest", [unit("marauder", 10, 10)], enemies) == [7]
    assert chosen("nearest", [unit("marine", 10, 10)], enemies) == [6]
    assert chosen("focus", [unit("marauder", 10, 10)], enemies[:1]) == [1]


@pytest.mark.parametrize("policy", [name for name in POLICIES if name not in ("random", "ambush")])
def test_healers_heal_who_has_lost_most_and_stay_with_the_team(policy):
    enemies = [unit("marine", 25, 10), unit("medivac", 25, 11)]
    medivac, other = unit("medivac", 10, 10), unit("medivac", 11, 10, 20)
    hurt = [unit("marauder", 12, 10, 80), unit("marine", 12, 11, 15), medivac, other]
    assert chosen(policy, hurt, enemies)[2:] == [6, 6]  # 45 lost, 30 lost; a medivac that lost 130 does not count
    away = [unit("marine", 20, 10, 40), medivac]
    assert chosen(policy, away, enemies)[1] == EAST
    unhurt = [unit("marine", 10, 18), unit("marine", 11, 10), medivac]
    assert chosen(policy, unhurt, enemies)[2] == 1
    alone = [unit("marine", 10, 18, 0), medivac]
    assert chosen(policy, alone, enemies)[1] == 1


def test_kiting_shoots_when_ready_and_steps_back_while_not():
    zealot = [unit("zealot", 13, 10)]
    assert chosen("kite", [unit("stalker", 10, 10)], zealot) == [6]
    assert chosen("kite", [unit("stalker", 10, 10, cooldown=15)], zealot) == [WEST]
    assert chosen("kite", [unit("stalker", 10, 10, cooldown=15)], [unit("zealot", 17.2, 10)]) == [EAST]
    assert chosen("kite", [unit("stalker", 10, 10, cooldown=3)], zealot) == [6]


def test_kiting_fights_where_there_is_no_way_back():
    cornered = unit("stalker", 0.5, 0.5, cooldown=15)
    enemies = [unit("zealot", 3, 0.5), unit("zealot", 0.5, 3)]
    assert chosen("kite", [cornered], enemies) == [6]


@pytest.mark.parametrize(
    ("ally", "enemy", "instead"),
    [
        ("marine", "marine", "focus"),
        ("stalker", "spine_crawler", "focus"),
        ("zealot", "zergling", "nearest"),
        ("zealot", "stalker", "nearest"),
    ],
)
def test_who_gains_nothing_from_kiting_fights_on(ally, enemy, instead):
    for cooldown in (0, 15):
        allies = [unit(ally, 10, 10, cooldown=cooldown), unit(ally, 11, 10)]
        enemies = [unit(enemy, 13, 10), unit(enemy, 14, 10, 10)]
        assert chosen("kite", allies, enemies) == chosen(instead, allies, enemies)
        assert chosen("kite", allies, enemies) == ([7, 7] if instead == "focus" else [6, 6])


def test_only_the_one_in_front_steps_back_and_the_faster_runs_until_out_of_reach():
    zealot = [unit("zealot", 13, 10)]
    behind = unit("stalker", 9.5, 10, cooldown=15)
    assert chosen("kite", [unit("stalker", 10, 10, cooldown=15), behind], zealot) == [WEST, 6]
    assert chosen("kite", [unit("stalker", 11, 10), behind], zealot) == [WEST, 6]


def test_as_fast_a_one_runs_on_only_while_a_friend_is_free():
    zealot = [unit("zealot", 13, 10)]
    chased = unit("marine", 11.2, 10)
    assert chosen("kite", [chased, unit("marine", 13, 15)], zealot) == [WEST, 6]
    assert chosen("kite", [chased, unit("marine", 13, 15, 0)], zealot)[0] == 6


def walled(*columns):
    walkable = np.ones((32, 32), dtype=np.bool_)
    for column, low, high in columns:
        walkable[column, low:high] = False
    return walkable


@pytest.mark.parametrize("stride", [1.125, 1.4766])
def test_walking_leads_around_walls(stride):
    walkable = walled((10, 0, 28), (15, 4, 32), (20, 0, 28))
    ways = Ways(walkable)
    x, y = 3.5, 12.5
    for _ in range(150):
        (action,) = chosen(
            "nearest", [unit("marine", x, y)], [unit("marine", 28.5, 12.5)], walkable=walkable, ways=ways
        )
        if action >= 6:
            return
        dx, dy = DIRECTIONS[action]
        for _ in range(8):  # as the world walks: loop by loop, never into a wall
            nx, ny = x + dx * stride / 8, y + dy * stride / 8
            if walkable[int(nx), int(ny)]:
                x, y = nx, ny
    pytest.fail(f"still at {x:.1f}, {y:.1f}")


def test_where_no_way_leads_the_straight_line_counts():
    walkable = walled((10, 0, 32))
    ways = Ways(walkable)
    one, two = np.array(5.0), np.array(20.0)
    assert ways.length(one, one, two, one) == -1
    assert chosen("nearest", [unit("marine", 5, 5)], [unit("marine", 20, 6)], walkable=walkable, ways=ways) == [EAST]


def test_random_actions_are_uniform_over_the_available_ones():
    battles = EpisodeBatch(Purpose.TRAINING, 0, 4000)
    team = ScriptedTeam("random", "3m", seed=3)
    team.begin(battles)
    available = np.zeros((3, 4000, 9), dtype=np.bool_)
    available[:, :, [1, 3, 4, 8]] = True
    units = np.zeros((4000, 6), dtype=POSITION)
    counts = np.bincount(team.choose(units, available).ravel(), minlength=9)
    assert counts[[0, 2, 5, 6, 7]].sum() == 0
    assert np.abs(counts[[1, 3, 4, 8]] / 12000 - 0.25).max() < 0.02  # five standard errors


@pytest.mark.parametrize("policy", list(POLICIES))
def test_a_battle_is_the_same_at_any_batch_size(policy):
    def states(first, count):
        sink = KeepingSink()
        fight("5m_vs_6m", policy, training(first, count), sink)
        return np.stack([time_step.state for time_step in sink.time_steps])

    many, one = states(0, 5), states(3, 1)
    np.testing.assert_array_equal(many[: len(one), 3], one[:, 0])


def fight(map, policy, battles, sink):
    """Play a batch to its end and return the last turn."""
    world = make_world(map, 7, options(), sink)
    team = ScriptedTeam(policy, map, seed=7)
    time_step = world.begin(battles)
    team.begin(battles)
    while not over(time_step).all():
        time_step = world.step(team.choose(read_units(world, battles.count), time_step.available_actions))
    return time_step


@pytest.mark.parametrize("map", ["3m", "8m", "10m_vs_11m"])
def test_every_script_does_better_than_chance(map):
    returns = {}
    for policy in POLICIES:
        sink = KeepingSink()
        fight(map, policy, training(0, 16), sink)
        returns[policy] = sum(time_step.team_reward.mean() for time_step in sink.time_steps)
    assert returns["random"] * 2 < min(returns[policy] for policy in ("nearest", "focus", "kite"))


def test_units_are_read_from_either_side_of_the_contract():
    world = make_world("5m_vs_6m", 1, options(), KeepingSink())
    world.begin(training(0, 3))
    units = read_units(world, 3)
    assert units.shape == (3, 11)
    for battle in range(3):
        for row, record in zip(units[battle], world.snapshot(battle), strict=True):
            assert (row["x"], row["y"], row["health"]) == (record.x, record.y, record.health)
            assert unit_names()[row["kind"]] == record.type

    class Showing:
        def units_of_all_battles(self):
            return units

    assert read_units(Showing(), 3) is units


def test_unknown_names_are_refused():
    with pytest.raises(ConfigurationError, match="random, nearest, focus, kite"):
        ScriptedTeam("clever", "3m", 0)
    with pytest.raises(ConfigurationError, match="'3m'"):
        ScriptedTeam("focus", "3M", 0)
