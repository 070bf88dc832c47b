"""The rules of fighting, one at a time. Marine: range 5, radius 0.375, damage 6, period 13.77 loops, 45 health."""

from __future__ import annotations

import numpy as np
import pytest
from arena import ATTACK, IDLE, SPEED, Arena

FIRST_ENEMY = 6  # the action that attacks it
IN_RANGE = 5.75  # centre to centre


def far_away(arena: Arena, unit: int) -> None:
    arena.units["x"][unit] = 30.0


def test_an_ally_never_fires_unordered() -> None:
    arena = Arena([(10, 16)], [(14, 16)], ordered=False)
    arena.units["health"][1] = 1e6
    arena.units["health"][0] = 1e6
    arena.act(0, 1)
    arena.loop(60)
    assert arena.units["health"][1] == 1e6
    assert (arena.units["x"][0], arena.units["y"][0]) == (10, 16)


def test_an_attack_hits_one_loop_after_it_begins() -> None:
    arena = Arena([(10, 16)], [(10 + IN_RANGE, 16)], ordered=False)
    arena.act(0, FIRST_ENEMY)
    arena.loop()
    assert arena.units["health"].tolist() == [45, 45]
    arena.loop()
    assert arena.units["health"].tolist() == [39, 39]


def test_out_of_range_by_a_hair_is_out_of_range() -> None:
    arena = Arena([(10, 16)], [(10 + IN_RANGE + 0.001, 16)], ordered=False)
    arena.loop(40)
    assert arena.units["health"].tolist() == [45, 45]
    assert arena.units["x"].tolist() == [10, 10 + IN_RANGE + 0.001]


def test_time_between_attacks() -> None:
    """0.8608 s = 13.77 loops and a delay of -1 to 2 loops: 14.27 on average, never under 12 or over 16."""
    arena = Arena([(10, 16)], [(13, 16)], ordered=False)
    arena.units["health"] = 1e6
    arena.act(0, FIRST_ENEMY)
    gaps = arena.loops_between_hits(0, 1500)
    assert set(gaps) == {12, 13, 14, 15, 16}
    assert np.mean(gaps) == pytest.approx(13.7728 + 0.5, abs=0.1)


def test_both_can_die_in_the_same_loop() -> None:
    arena = Arena([(10, 16)], [(13, 16)], ordered=False)
    arena.units["health"] = 6
    arena.act(0, FIRST_ENEMY)
    arena.loop(2)
    assert arena.units["health"].tolist() == [0, 0]


def test_damage_of_one_loop_adds_up_and_stops_at_zero() -> None:
    arena = Arena([(10, 15), (10, 16), (10, 17)], [(13, 16)], ordered=False)
    arena.units["health"][3] = 10
    for agent in range(3):
        arena.act(agent, FIRST_ENEMY)
    arena.loop(2)
    assert arena.units["health"][3] == 0
    assert arena.hits.all()


def test_shields_first_then_armour_but_never_less_than_half_a_point() -> None:
    arena = Arena([(10, 16)], [(13, 16)], ordered=False)
    arena.units["shield"][1], arena.units["armour"][1] = 4, 1
    arena.act(0, FIRST_ENEMY)
    arena.loop(2)
    assert (arena.units["shield"][1], arena.units["health"][1]) == (0, 44)  # 4 absorbed, 2 left, 1 off for armour
    arena.units["armour"][1] = 100
    arena.loops_between_hits(0, 0)
    assert arena.units["health"][1] == 43.5


def test_a_new_order_cancels_the_attack_and_leaves_the_weapon_ready() -> None:
    arena = Arena([(10, 16)], [(13, 16)], ordered=False)
    arena.act(0, FIRST_ENEMY)
    arena.loop()
    assert arena.units["attacking"][0]
    arena.act(0, 1)
    assert not arena.units["attacking"][0]
    assert arena.units["cooldown"][0] == 0
    arena.loop(5)
    assert arena.units["health"][1] == 45


def test_repeating_the_attack_does_not_cancel_it() -> None:
    arena = Arena([(10, 16)], [(13, 16)], ordered=False)
    for _ in range(2):
        arena.act(0, FIRST_ENEMY)
        arena.loop()
    assert arena.units["health"][1] == 39


@pytest.mark.parametrize(("distance", "hit"), [(6.74, True), (6.76, False)])
def test_range_slop(distance: float, hit: bool) -> None:
    """A target that leaves the range while the attack is under way is still hit within one cell more."""
    arena = Arena([(10, 16)], [(15, 16)], ordered=False)
    arena.act(0, FIRST_ENEMY)
    arena.loop()
    arena.units["x"][1] = 10 + distance
    arena.loop()
    assert (arena.units["health"][1] == 39) == hit


def test_the_backswing_holds_a_chaser_but_a_move_order_does_not_wait() -> None:
    chaser, mover = (Arena([(10, 16)], [(14, 16)], ordered=False) for _ in range(2))
    for arena in (chaser, mover):
        arena.act(0, FIRST_ENEMY)
        arena.loop(2)
        far_away(arena, 1)
    mover.act(0, 4)
    mover.loop()
    assert mover.units["x"][0] == pytest.approx(10 + SPEED)
    chaser.loop(12)  # 0.75 s
    assert chaser.units["x"][0] == 10
    chaser.loop()
    assert chaser.units["x"][0] == pytest.approx(10 + SPEED)


def test_an_attack_order_chases_until_the_target_dies() -> None:
    arena = Arena([(10, 16)], [(20, 16)], ordered=False)
    arena.act(0, FIRST_ENEMY)
    arena.loop(16)
    assert arena.units["x"][0] == pytest.approx(10 + 16 * SPEED)
    arena.units["health"][1] = 0
    arena.loop(3)
    assert arena.units["order"][0] == IDLE
    assert arena.units["x"][0] == pytest.approx(10 + 16 * SPEED)


def test_a_step_of_walking_is_one_cell_and_an_eighth() -> None:
    arena = Arena([(10, 16)], [(30, 16)], ordered=False)
    for action, (dx, dy) in {2: (0, 1.125), 3: (0, -1.125), 4: (1.125, 0), 5: (-1.125, 0)}.items():
        before = arena.units["x"][0], arena.units["y"][0]
        arena.act(0, action)
        arena.loop(8)
        assert arena.units["x"][0] - before[0] == pytest.approx(dx)
        assert arena.units["y"][0] - before[1] == pytest.approx(dy)


def test_a_move_goes_two_cells_and_then_stops() -> None:
    arena = Arena([(10, 16)], [(30, 16)], ordered=False)
    arena.act(0, 4)
    arena.loop(30)
    assert arena.units["x"][0] == pytest.approx(12, abs=0.06)
    assert arena.units["order"][0] == IDLE


def test_enemies_attack_move_and_take_the_nearest_in_range() -> None:
    arena = Arena([(9, 13), (9, 16)], [(17, 16)])
    arena.loop(8)
    assert arena.units["x"][2] == pytest.approx(17 - 8 * SPEED)
    arena.loops_between_hits(2, 0)
    assert arena.units["target"][2] == 1
    assert arena.units["health"][:2].tolist() == [45, 39]


def test_an_enemy_keeps_its_target_while_it_can_hit_it() -> None:
    arena = Arena([(10, 16), (10, 20)], [(15, 16)], ordered=False)
    arena.loop()
    assert arena.units["target"][2] == 0
    arena.units["x"][1], arena.units["y"][1] = 14, 16
    arena.loop(20)
    assert arena.units["target"][2] == 0


def test_an_enemy_turns_from_one_that_has_fled_to_one_in_range() -> None:
    arena = Arena([(10, 16), (10, 20)], [(15, 16)], ordered=False)
    arena.loop(3)
    arena.units["x"][0] = 3
    arena.loop()
    assert arena.units["target"][2] == 0
    arena.units["x"][1], arena.units["y"][1] = 12, 16
    arena.loop()
    assert arena.units["target"][2] == 1


def test_a_chase_ends_at_the_leash() -> None:
    arena = Arena([(20, 16)], [(25, 16)], ordered=False)
    arena.loop()
    arena.units["leash_x"][1] = 25 - 21.1
    arena.units["x"][0] = 2
    arena.loop()
    assert arena.units["target"][1] == -1


def test_ties_are_drawn_for() -> None:
    chosen = []
    for seed in range(200):
        arena = Arena([(12, 14), (12, 18)], [(15, 16)], ordered=False, seed=seed)
        arena.loop()
        chosen.append(int(arena.units["target"][2]))
    assert 70 < sum(chosen) < 130


def test_an_attacked_enemy_calls_those_near_it_for_help() -> None:
    arena = Arena([(10, 16)], [(16.5, 16), (19, 16), (21, 16)], ordered=False)
    arena.units["range"][0] = 8  # outranges them, or they would see it themselves
    arena.act(0, FIRST_ENEMY)
    arena.loop(2)
    assert arena.units["target"][1:].tolist() == [0, 0, -1]  # 4 cells around the first
    assert arena.units["order"][0] == ATTACK


def test_nobody_is_favoured_by_number() -> None:
    """Two equal sides that attack each other squarely: each side wins about half of the battles."""
    won = 0
    for seed in range(300):
        arena = Arena([(10, 15), (10, 17)], [(15, 15), (15, 17)], ordered=False, seed=seed * 7919)
        for _ in range(1000):
            for agent in range(2):
                alive = [e for e in (agent, 1 - agent) if arena.units["health"][2 + e] > 0]
                if alive and arena.units["order"][agent] == IDLE:
                    arena.act(agent, FIRST_ENEMY + alive[0])
            arena.loop()
            if not (arena.units["health"][:2].any() and arena.units["health"][2:].any()):
                break
        won += bool(arena.units["health"][:2].any())
    assert 105 < won < 195


def test_focused_fire_beats_spread_fire() -> None:
    """Five against five, all in range of all, the enemies each shooting at the one opposite."""
    won = {True: 0, False: 0}
    rows = [14.0, 15.0, 16.0, 17.0, 18.0]
    for focus in won:
        for seed in range(40):
            arena = Arena([(10, y) for y in rows], [(14, y) for y in rows], ordered=False, seed=seed * 7919)
            health = arena.units["health"]
            while health[:5].any() and health[5:].any():
                for agent in range(5):
                    choices = range(5) if focus else [(agent + k) % 5 for k in range(5)]
                    if health[agent] > 0 and arena.units["order"][agent] == IDLE:
                        arena.act(agent, FIRST_ENEMY + next(e for e in choices if health[5 + e] > 0))
                arena.loop()
            won[focus] += bool(health[:5].any())
    assert won[True] > 35
    assert won[False] < 30
