"""Teams and starting places are drawn as in SMACv2: frequencies, mirror images, groups and numbers of agents."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binom, chisquare, kstest

from fedqmix.envs import make_world
from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish.arrays import ATTACK_MOVE, BATTLE
from fedqmix.envs.skirmish.movement import ALLOWED_OVERLAP, ROWS
from fedqmix.envs.skirmish.scene import make_scene
from fedqmix.envs.skirmish.smacv2 import draws
from fedqmix.envs.skirmish.smacv2.opening import make_opening
from fedqmix.envs.skirmish.smacv2.scenarios import RACES
from fedqmix.envs.skirmish.teams import make_catalogue, make_units
from fedqmix.envs.units import unit_names
from fedqmix.runtime.core.seeds import key
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from support.callable_rules import callable_kernel
from support.worlds import KeepingSink, options

mirror, surround, draw_team = (callable_kernel(one) for one in (draws.mirror, draws.surround, draws.draw_team))
KINDS = make_catalogue().kinds
BATTLES = 4000
LEAST = 1e-3  # p-value below which a frequency is wrong; the seeds are fixed


def opened(map: str, count: int = BATTLES, seed: int = 1, **changes) -> np.ndarray:
    """The units of battles at their beginning: [battles, units]."""
    world = make_world(map, seed, options(**changes), KeepingSink())
    world.begin(EpisodeBatch(Purpose.TRAINING, 0, count))
    units = world.units_of_all_battles().copy()
    world.close()
    return units


def types_of(units) -> np.ndarray:
    return np.array(unit_names())[units["kind"]]


class Drawn:
    """One battle's record, units and scene, for calls of single draws."""

    def __init__(self, map: str) -> None:
        self.record = load_map(map)
        self.scene, self.opening = make_scene(self.record), make_opening(self.record, options())
        self.units = make_units(self.record)[None].copy()
        self.battles = np.zeros(1, BATTLE)
        self.room = np.zeros((ROWS, 128))

    def reseed(self, number: int) -> None:
        self.battles["stream"] = key(99, "draws", number)


@pytest.mark.parametrize("race", RACES)
def test_types_have_their_probabilities(race: str) -> None:
    """Agents are independent draws, but for the teams that are drawn again."""
    units = opened(f"{race}_10_vs_10")
    counts = Counter(types_of(units[:, :10]).ravel().tolist())
    assert (
        chisquare([counts[name] for name in RACES[race].types], np.array([0.45, 0.45, 0.1]) * 10 * BATTLES).pvalue
        > LEAST
    )
    rare = (types_of(units[:, :10]) == RACES[race].types[2]).sum(1)
    several = [np.sum(rare == number) for number in range(4)] + [np.sum(rare >= 4)]
    chances = [binom.pmf(number, 10, 0.1) for number in range(4)] + [binom.sf(3, 10, 0.1)]
    assert chisquare(several, np.array(chances) * BATTLES).pvalue > LEAST


def test_types_and_bits_go_together() -> None:
    for race, (_, types, *_) in RACES.items():
        units = opened(f"{race}_5_vs_5", 200)
        np.testing.assert_array_equal(np.array(types)[units["type_slot"]], types_of(units))
        assert (units["health"] == KINDS["health_max"][units["kind"]]).all()
        assert (units["shield"] == KINDS["shield_max"][units["kind"]]).all()
        assert (units["energy"] == KINDS["energy_start"][units["kind"]]).all()


@pytest.mark.parametrize(("race", "alone"), [("protoss", True), ("terran", False), ("zerg", False)])
def test_no_team_consists_of_exceptions(race: str, alone: bool) -> None:
    """Teams of one: colossi fight alone, medivacs and banelings never do."""
    rare = types_of(opened(f"{race}_1_vs_2"))[:, :] == RACES[race].types[2]
    assert rare[:, 0].any() == alone
    assert rare[:, 2].any() == alone


@pytest.mark.parametrize("race", ["terran", "zerg"])
def test_the_extra_enemy_is_never_an_exception(race: str) -> None:
    units = opened(f"{race}_10_vs_11")
    assert (types_of(units[:, 20]) != RACES[race].types[2]).all()
    three = types_of(opened(f"{race}_20_vs_23")[:, 40:]) == RACES[race].types[2]
    assert three.any(0).all()
    assert not three.all(1).any()


def test_enemies_have_the_agents_types() -> None:
    for map, agents, enemies in (("zerg_10_vs_11", 10, 11), ("terran_5_vs_5", 5, 5), ("protoss_7_vs_4", 7, 4)):
        units = types_of(opened(map, 300))
        for row in units:
            same = Counter(row[agents : agents + min(agents, enemies)].tolist())
            assert not same - Counter(row[:agents].tolist())


def test_agents_are_numbered_by_type_x_and_y() -> None:
    for map, order in (
        ("protoss_10_vs_10", ["colossus", "stalker", "zealot"]),
        ("terran_10_vs_10", ["marauder", "marine", "medivac"]),
        ("zerg_10_vs_10", ["baneling", "hydralisk", "zergling"]),
    ):
        units = opened(map, 500)[:, :10]
        names = types_of(units)
        for row, name in zip(units, names, strict=True):
            keys = [(order.index(one), x, y) for one, x, y in zip(name, row["x"], row["y"], strict=True)]
            assert keys == sorted(keys)


def test_agent_0_of_protoss_is_often_a_colossus() -> None:
    first = types_of(opened("protoss_5_vs_5")[:, 0]) == "colossus"
    assert binom.cdf(first.sum(), BATTLES, 1 - 0.9**5) > LEAST
    assert binom.sf(first.sum(), BATTLES, 1 - 0.9**5) > LEAST


def in_the_middle(units, agents: int) -> np.ndarray:
    """Which battles' agents all stand near the middle, as surrounded ones do."""
    return (np.hypot(units["x"][:, :agents] - 16, units["y"][:, :agents] - 16) < 3.5).all(1)


@pytest.mark.parametrize("reflect", [0.0, 0.2, 0.5, 1.0])
def test_starts_are_mirrored_with_their_probability(reflect: float) -> None:
    mirrored = (~in_the_middle(opened("protoss_10_vs_10", reflect=reflect), 10)).sum()
    if reflect in (0.0, 1.0):
        assert mirrored == reflect * BATTLES
    else:
        assert LEAST < binom.cdf(mirrored, BATTLES, reflect) < 1 - LEAST


def test_mirrored_places() -> None:
    """Agents are uniform over the western 15 cells, enemies their images in the line x = 16, extras in the east."""
    drawn, agents, extras = Drawn("protoss_4_vs_6"), [], []
    for number in range(1500):
        drawn.reseed(number)
        mirror(drawn.scene, drawn.battles[0], drawn.units, 0)
        x, y = drawn.units["x"][0], drawn.units["y"][0]
        np.testing.assert_allclose(x[4:8], 32 - x[:4])
        np.testing.assert_array_equal(y[4:8], y[:4])
        agents += list(zip(x[:4], y[:4], strict=True))
        extras += list(zip(x[8:], y[8:], strict=True))
    for places, (west, east) in ((agents, (0, 15)), (extras, (16, 32))):
        for values, low, high in zip(np.array(places).T, (west, 0), (east, 32), strict=True):
            assert kstest(values, "uniform", (low, high - low)).pvalue > LEAST


def test_mirrored_enemies_are_mirrored_types() -> None:
    """In battles: where two opponents stand at mirrored places, they are of one type."""
    units = opened("terran_5_vs_5", 500, reflect=1.0)
    pairs = 0
    for row in units:
        for agent in row[:5]:
            twins = [
                enemy for enemy in row[5:] if abs(32 - enemy["x"] - agent["x"]) + abs(enemy["y"] - agent["y"]) < 1e-9
            ]
            pairs += len(twins)
            assert all(twin["kind"] == agent["kind"] for twin in twins)
    assert pairs > 0.9 * 5 * 500


def test_groups_around_the_agents() -> None:
    """Their number, diagonals, sizes and distances are those of SurroundedPositionDistribution."""
    drawn, numbers, diagonals, parts, sizes = Drawn("protoss_10_vs_10"), [], [], [], Counter()
    for number in range(3000):
        drawn.reseed(number)
        numbers.append(surround(drawn.scene, drawn.battles[0], drawn.units, 0, drawn.room))
        x, y = drawn.units["x"][0] - 16, drawn.units["y"][0] - 16
        assert np.abs(np.concatenate([x[:10], y[:10]])).max() <= draws.JITTER
        away = (np.abs(x[10:]) + np.abs(y[10:])) / 2
        np.testing.assert_array_less(np.abs(np.abs(x[10:]) - np.abs(y[10:])), 2 * draws.JITTER + 1e-9)
        assert (away > 1.5).all()
        assert (away < 16).all()
        quarter = (x[10:] > 0) * 2 + (y[10:] > 0)
        changes = np.flatnonzero(np.diff(quarter)) + 1
        groups = np.split(quarter, changes)
        assert len({group[0] for group in groups}) == len(groups) <= numbers[-1]
        diagonals.append(int(quarter[0]))
        parts.append(float((16 - away[0]) / 14))
        if numbers[-1] == 2:
            sizes[len(groups[0]) if len(groups) == 2 else 0] += 1
    assert chisquare(np.bincount(numbers)[1:]).pvalue > LEAST
    assert chisquare(np.bincount(diagonals)).pvalue > LEAST
    assert kstest(np.clip(parts, 0, 1), "uniform").pvalue > LEAST / 10  # jitter blurs the ends a little
    two = [sizes[size] for size in range(1, 10)]
    chances = binom.pmf(range(1, 10), 10, 0.5)
    middle = slice(2, 7)
    assert chisquare(two[middle], np.array(chances[middle]) / sum(chances[middle]) * sum(two[middle])).pvalue > LEAST


def test_units_do_not_overlap_at_the_beginning() -> None:
    units = opened("zerg_20_vs_23", 300)
    radius, plane = KINDS["separation_radius"][units["kind"]], KINDS["plane"][units["kind"]]
    away = np.hypot(units["x"][:, :, None] - units["x"][:, None], units["y"][:, :, None] - units["y"][:, None])
    apart = away - radius[:, :, None] - radius[:, None] + ALLOWED_OVERLAP + 1e-6
    pairs = np.triu(np.ones(apart.shape[1:], bool), 1) & (plane[:, :, None] == plane[:, None])
    crowded = (np.where(pairs, apart, 1) < 0).any((1, 2))
    assert crowded.mean() < 0.02
    for axis in ("x", "y"):
        assert (units[axis] > 0).all()
        assert (units[axis] < 32).all()


def test_an_episode_is_fixed_by_seed_purpose_and_number() -> None:
    alone = opened("terran_10_vs_11", 1, seed=5)
    many = opened("terran_10_vs_11", 40, seed=5)
    assert np.array_equal(alone[0], many[0])
    assert not np.array_equal(many[0]["x"], many[1]["x"])
    assert not np.array_equal(opened("terran_10_vs_11", 1, seed=6)["x"], alone["x"])
    world = make_world("terran_10_vs_11", 5, options(), KeepingSink())
    places = []
    for purpose in Purpose:
        world.begin(EpisodeBatch(purpose, 0, 1))
        places.append(world.units_of_all_battles()["x"].copy())
    assert len({place.tobytes() for place in places}) == len(list(Purpose))


def test_the_setting_of_places_leaves_the_teams_as_they_are() -> None:
    one, other = (opened("zerg_5_vs_5", 50, reflect=part) for part in (0.0, 1.0))
    assert np.array_equal(one["kind"], other["kind"])


def test_enemies_have_no_order_at_the_beginning() -> None:
    enemies = opened("terran_5_vs_5", 20)[:, 5:]
    assert (enemies["order"] == ATTACK_MOVE).all()
    assert enemies["arrived"].all()
    np.testing.assert_array_equal(enemies["goal_x"], enemies["x"])


def test_a_team_is_drawn_with_any_weights() -> None:
    """The draw is of any types, for other families of battles."""
    drawn = Drawn("protoss_10_vs_10")
    team = draws.make_team_draw(("marine", "zealot"), (0.25, 0.75), ("zealot",))
    marines = 0
    for number in range(600):
        drawn.reseed(number)
        draw_team(team, drawn.scene, drawn.battles[0], drawn.units, 0, 2, 6)
        names = types_of(drawn.units[0, 2:6])
        assert (names == "marine").any()
        marines += (names == "marine").sum()
    expected = 0.25 / (1 - 0.75**4)
    assert abs(marines / 2400 - expected) < 0.04
