"""When the attacks of every kind of unit land and what they take, computed by hand. 16 game loops a second."""

from __future__ import annotations

import numpy as np
import pytest

from support.arena import EAST, STOP, Arena

# attacker, distance from centre to centre, loops in which the first attack's hits land. An attack begins in loop 1;
# it is shot when its damage point is over, in the next loop at the earliest; a missile then has to fly.
FIRST_HITS = [
    ("marine", 5.0, [2]),  # 0.05 s = 0.8 loops
    ("marauder", 5.0, [6]),  # no damage point; 5 cells at 20 a second: 4 loops
    ("stalker", 5.0, [9]),  # 0.167 s: shot in loop 4; 5 cells at 18.75 a second: 4.27 loops
    ("zealot", 0.9, [2, 7]),  # second blade 0.28 s = 4.48 loops later
    ("colossus", 5.0, [6, 12]),  # 0.0832 s: shot in loop 3; 0.1716 s = 2.75 loops and 0.3432 s = 5.49 loops more
    ("zergling", 0.8, [4]),  # 0.167 s = 2.67 loops
    ("hydralisk", 5.0, [7]),  # 0.208 s: shot in loop 5; 5 cells at 40 a second: 2 loops
    ("spine_crawler", 5.0, [10]),  # 0.3332 s: shot in loop 7; 5 cells at 29 a second: 2.76 loops
    ("baneling", 0.8, [2]),
]

# attacker: seconds between its attacks
PERIODS = {
    "marine": 0.8608,
    "marauder": 1.5,
    "stalker": 1.44,
    "zealot": 1.2,
    "colossus": 2.2,
    "zergling": 0.696,
    "hydralisk": 0.83,
    "spine_crawler": 1.6,
}

# attacker, target: what one hit takes from the shield, and what from the health of a target without any
DAMAGE = [
    ("marine", "marine", None, 6),
    ("marine", "marauder", None, 5),
    ("marine", "medivac", None, 5),
    ("marine", "zealot", 6, 5),
    ("marauder", "marauder", None, 19),  # 10 + 10 for armored, less 1
    ("marauder", "marine", None, 10),
    ("marauder", "stalker", 20, 19),
    ("stalker", "stalker", 14, 13),  # 10 + 4 for armored
    ("stalker", "zealot", 10, 9),
    ("stalker", "zergling", None, 10),
    ("stalker", "spine_crawler", None, 12),  # armour 2
    ("stalker", "medivac", None, 13),
    ("stalker", "colossus", 14, 13),
    ("zealot", "marine", None, 8),
    ("zealot", "zealot", 8, 7),
    ("zealot", "stalker", 8, 7),
    ("zealot", "spine_crawler", None, 6),
    ("colossus", "zealot", 20, 19),
    ("colossus", "stalker", 20, 19),
    ("colossus", "hydralisk", None, 20),
    ("zergling", "marine", None, 5),
    ("zergling", "zealot", 5, 4),
    ("zergling", "colossus", 5, 4),
    ("zergling", "spine_crawler", None, 3),
    ("baneling", "marine", None, 35),  # 20 + 15 for light
    ("baneling", "zealot", 35, 34),
    ("baneling", "marauder", None, 19),
    ("baneling", "baneling", None, 20),  # biological, not light
    ("baneling", "colossus", 20, 19),
    ("hydralisk", "zealot", 12, 11),
    ("hydralisk", "medivac", None, 11),
    ("spine_crawler", "stalker", 30, 29),  # 25 + 5 for armored
    ("spine_crawler", "zealot", 25, 24),
    ("spine_crawler", "marine", None, 25),
]


def duel(attacker: str, target: str, distance: float) -> Arena:
    """An agent ordered to attack an enemy that never strikes back."""
    arena = Arena([(attacker, 10, 16)], [(target, 10 + distance, 16)])
    arena.units["order"][1] = 0
    arena.attack(0, 1)
    return arena


@pytest.mark.parametrize(("attacker", "distance", "loops"), FIRST_HITS)
def test_first_hits(attacker: str, distance: float, loops: list[int]) -> None:
    arena = duel(attacker, "zealot", distance)
    arena.endless(1)
    assert [loop for loop, _ in arena.losses(1, 13) if loop <= 12][: len(loops)] == loops


@pytest.mark.parametrize("attacker", PERIODS)
def test_time_between_attacks(attacker: str) -> None:
    """The period and a delay of -1 to 2 loops, so half a loop more on average."""
    loops = PERIODS[attacker] * 16
    arena = duel(attacker, "spine_crawler", 1.2)
    arena.endless(1)
    times = [loop for loop, _ in arena.losses(1, 2000)]
    if attacker in ("zealot", "colossus"):
        times = times[::2]  # two hits an attack
    gaps = np.diff(times)
    assert gaps.min() >= np.floor(loops - 1)
    assert gaps.max() <= np.ceil(loops + 2)
    assert gaps.mean() == pytest.approx(loops + 0.5, abs=4 * 0.87 / np.sqrt(len(gaps)))
    assert gaps.std() > 0.5


@pytest.mark.parametrize(("attacker", "target", "from_shield", "from_health"), DAMAGE)
def test_damage(attacker: str, target: str, from_shield: float | None, from_health: float) -> None:
    bare = duel(attacker, target, 1.0)
    bare.units["shield"][1] = 0
    before = bare.units["health"][1]
    loops = bare.loops_until(lambda: bare.units["health"][1] < before, most=20)
    assert before - bare.units["health"][1] == pytest.approx(min(from_health, before))
    if from_shield is not None:
        covered = duel(attacker, target, 1.0)
        shield, health = covered.units["shield"][1], covered.units["health"][1]
        covered.loop(loops)
        assert shield - covered.units["shield"][1] == pytest.approx(from_shield)
        assert covered.units["health"][1] == health


@pytest.mark.parametrize(
    ("shield", "health_after"),
    [(6, 100), (4, 99), (5.2, 99.5), (5.999, 99.5), (0, 95)],
    ids=["all absorbed", "4 absorbed, 2 left, 1 off", "0.8 left: at least 0.5", "a trace left: 0.5", "bare"],
)
def test_a_marine_s_six_points_on_a_zealot(shield: float, health_after: float) -> None:
    arena = duel("marine", "zealot", 4)
    arena.units["shield"][1] = shield
    arena.loop(2)
    assert arena.units["health"][1] == pytest.approx(health_after)
    assert arena.units["shield"][1] == 0


def test_damage_of_one_loop_adds_up_and_stops_at_zero() -> None:
    arena = Arena([("marine", 10, y) for y in (15, 16, 17)], [("marine", 13, 16)])
    arena.units["health"][3] = 10
    for agent in range(3):
        arena.attack(agent, 3)
    arena.loop(2)
    assert arena.units["health"][3] == 0
    assert arena.hits.all()


def test_both_can_die_in_the_same_loop() -> None:
    arena = Arena([("marine", 10, 16)], [("marine", 13, 16)])
    arena.units["health"] = 6
    arena.attack(0, 1)
    arena.loop(2)
    assert arena.units["health"].tolist() == [0, 0]


@pytest.mark.parametrize(("shooter", "distance"), [("marauder", 6.0), ("stalker", 6.0), ("hydralisk", 5.0)])
def test_a_missile_outlives_its_shooter(shooter: str, distance: float) -> None:
    arena = duel(shooter, "zealot", distance)
    arena.loops_until(lambda: arena.units["hits_left"][0] > 0)
    arena.units["health"][0] = 0
    assert len(arena.losses(1, 60)) == 1


def test_blades_and_beams_do_not_outlive_who_wields_them() -> None:
    for attacker, distance in (("zealot", 0.9), ("colossus", 5.0)):
        arena = duel(attacker, "zealot", distance)
        arena.endless(1)
        arena.loops_until(lambda arena=arena: arena.units["hits_left"][0] == 1)
        arena.units["health"][0] = 0
        assert arena.losses(1, 60) == []


def test_a_missile_for_somebody_who_died_meanwhile_is_lost() -> None:
    arena = duel("stalker", "marine", 6)
    arena.loops_until(lambda: arena.units["hits_left"][0] > 0)
    arena.units["health"][1] = 0
    arena.loop(30)
    assert not arena.hits.any()
    assert arena.units["hits_left"][0] == 0


def test_a_missile_follows_its_target() -> None:
    arena = duel("stalker", "zealot", 6)
    arena.loops_until(lambda: arena.units["hits_left"][0] > 0)
    arena.units["x"][1] = 25
    assert len(arena.losses(1, 10)) == 1


@pytest.mark.parametrize(("distance", "hit"), [(6.74, True), (6.76, False)])
def test_range_slop(distance: float, hit: bool) -> None:
    """A target that leaves the range (5.75 here) while the attack is under way is still hit within one cell more."""
    arena = duel("marine", "marine", 5)
    arena.loop()
    arena.units["x"][1] = 10 + distance
    arena.loop()
    assert (arena.units["health"][1] == 39) == hit


@pytest.mark.parametrize(
    ("attacker", "reach", "loops"), [("colossus", 7.625, 6), ("spine_crawler", 8.5, 13)], ids=["colossus", "crawler"]
)
@pytest.mark.parametrize("beyond", [-0.01, 0.01])
def test_no_range_slop(attacker: str, reach: float, loops: int, beyond: float) -> None:
    """The game's data give two weapons no slop: a stalker that leaves their range before the shot is missed."""
    arena = duel(attacker, "stalker", 6)
    arena.loop()
    assert arena.units["attacking"][0]
    arena.units["x"][1] = 10 + reach + beyond
    assert bool(arena.losses(1, loops)) == (beyond < 0)


def test_out_of_range_by_a_hair_is_out_of_range() -> None:
    near, far = duel("marine", "marine", 5.75), duel("marine", "marine", 5.7501)
    near.loop()
    far.loop()
    assert near.units["attacking"][0]
    assert not far.units["attacking"][0]
    assert far.place(0)[0] > 10


def test_a_new_order_cancels_the_attack_and_leaves_the_weapon_ready() -> None:
    arena = duel("marine", "marine", 3)
    arena.loop()
    assert arena.units["attacking"][0]
    arena.act(0, STOP)
    assert not arena.units["attacking"][0]
    assert arena.units["ready_at"][0] == 0
    arena.loop(5)
    assert arena.units["health"][1] == 45


def test_repeating_the_attack_does_not_cancel_it() -> None:
    arena = duel("marine", "marine", 3)
    arena.loop()
    arena.attack(0, 1)
    arena.loop()
    assert arena.units["health"][1] == 39


@pytest.mark.parametrize(
    ("chaser", "loops"), [("marine", 12), ("stalker", 8), ("hydralisk", 8), ("marauder", 0), ("colossus", 8)]
)
def test_the_backswing_holds_a_chaser_but_a_move_order_does_not_wait(chaser: str, loops: int) -> None:
    """0.75 s for marines, none for marauders, else 0.5 s."""
    runners = [duel(chaser, "zealot", 4) for _ in range(2)]
    for arena in runners:
        arena.loops_until(lambda arena=arena: arena.units["hits_left"][0] > 0 or arena.total(1) < 150)
        arena.units["x"][1] = 30
    runners[1].act(0, EAST)
    runners[1].loop()
    assert runners[1].place(0)[0] > 10
    runners[0].loop(max(loops - 1, 0))
    assert runners[0].place(0)[0] == 10
    runners[0].loop()
    assert runners[0].place(0)[0] > 10


def test_an_attack_order_chases_until_the_target_dies() -> None:
    arena = duel("marine", "marine", 10)
    arena.loop(16)
    assert arena.place(0)[0] == pytest.approx(12.25)
    arena.units["health"][1] = 0
    arena.loop(3)
    assert arena.units["order"][0] == 0
    assert arena.place(0)[0] == pytest.approx(12.25)


def test_an_agent_never_fires_unordered() -> None:
    arena = Arena([("marine", 10, 16), ("zealot", 10, 17), ("medivac", 9, 16)], [("marine", 13, 16)])
    arena.endless(0, 3)
    for agent in range(3):
        arena.act(agent, STOP)
    arena.loop(60)
    assert arena.units["health"][3] == 1e7
    assert arena.units["health"][0] < 1e7
    assert [arena.place(agent) for agent in range(3)] == [(10, 16), (10, 17), (9, 16)]
