"""Nobody gains by his side, by his number or by being updated first.

Both sides carry out the enemies' script. What holds for every single battle is shown on starts that are shaken a
little, so that no two distances are equal and nothing has to be drawn for; what holds on average, on the maps' own.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fedqmix.envs.maps import load_map
from support.both_sides import SYMMETRIC, ScriptAgainstScript, mirrored

SHAKEN = 0.02  # cells
PLACES = (("x", "y"), ("goal_x", "goal_y"))


def wins(name: str, battles: int) -> tuple[int, int]:
    """How many battles the agents won, and how many the enemies."""
    world = ScriptAgainstScript(name, seed=11, threads=2)
    world.set_out(battles, lambda units: None)
    while world.advance():
        pass
    standing = world.standing()
    return int((standing > 0).sum()), int((standing < 0).sum())


@pytest.mark.parametrize("name", SYMMETRIC)
def test_each_side_wins_half_of_2000_battles(name: str) -> None:
    """Battles that end with both sides dead, of which bane_vs_bane has many, count for nobody."""
    won, lost = wins(name, 2000)
    assert won + lost > 0.4 * 2000
    low, high = stats.binomtest(won, won + lost, 0.5).proportion_ci(confidence_level=0.99)
    assert low <= 0.5 <= high, f"{won} won, {lost} lost"


def set_out_mirrored(name: str):
    """Return a change of units: every other battle is the mirror image of the one before, side for side.

    The enemies are numbered as the agents they are the image of, and what an agent draws in one battle its image
    among the enemies draws in the other.
    """
    record = load_map(name)
    agents = record.n_agents

    def reflect(units: np.ndarray) -> np.ndarray:
        images = units.copy()
        for x, y in PLACES:
            images[x], images[y] = mirrored(record, units[x], units[y])
        images["side_step"] = -units["side_step"]
        return images

    def change(units: np.ndarray) -> None:
        random = np.random.default_rng(5)
        for b in range(0, len(units), 2):
            enemies = reflect(units[b, :agents])
            enemies["random"], enemies["side_step"] = units[b, agents:]["random"], units[b, agents:]["side_step"]
            units[b, agents:] = enemies
            for axis in ("x", "y"):
                units[b][axis] += random.uniform(-SHAKEN, SHAKEN, 2 * agents)
            units[b + 1, :agents], units[b + 1, agents:] = reflect(units[b, agents:]), reflect(units[b, :agents])
        units["row"] = np.arange(2 * agents)

    return change


@pytest.mark.parametrize("name", SYMMETRIC)
def test_the_mirrored_start_gives_the_mirrored_battle(name: str) -> None:
    """Up to rounding, to the battle's end; in the crowd of 25m it grows, so that there only the beginning agrees."""
    record = load_map(name)
    agents = record.n_agents
    world = ScriptAgainstScript(name)
    world.set_out(40, set_out_mirrored(name))
    steps = 0
    while world.advance():
        steps += 1
        if name == "25m" and steps > 5:
            continue
        units = world._units
        image = np.concatenate([units[1::2, agents:], units[1::2, :agents]], axis=1)
        x, y = mirrored(record, image["x"], image["y"])
        np.testing.assert_allclose(units[::2]["x"], x, atol=1e-6)
        np.testing.assert_allclose(units[::2]["y"], y, atol=1e-6)
        for field in ("health", "shield", "energy", "cooldown"):
            np.testing.assert_allclose(units[::2][field], image[field], atol=1e-6)
    standing = world.standing()
    assert steps > 10
    assert {-1, 1} <= set(standing.tolist())
    assert (standing[::2] == -standing[1::2]).mean() >= (0.9 if name == "25m" else 1)


def permutation(name: str, random: np.random.Generator) -> np.ndarray:
    """New numbers for old: units change numbers with others of their type and side."""
    kinds = ScriptAgainstScript(name)._template["kind"].astype(int)
    side = np.arange(len(kinds)) >= load_map(name).n_agents
    numbers = np.arange(len(kinds))
    for group in {(int(k), bool(s)) for k, s in zip(kinds, side, strict=True)}:
        (members,) = np.nonzero((kinds == group[0]) & (side == group[1]))
        numbers[members] = random.permutation(members)
    return numbers


@pytest.mark.parametrize("name", SYMMETRIC)
def test_numbers_within_a_type_do_not_matter(name: str) -> None:
    """The same units under other numbers fight the same battle, bit for bit."""
    random = np.random.default_rng(3)
    numbers = permutation(name, random)
    assert (numbers != np.arange(len(numbers))).any()
    world = ScriptAgainstScript(name)

    def change(units: np.ndarray) -> None:
        for axis in ("x", "y"):
            units[axis] += random.uniform(-SHAKEN, SHAKEN, units.shape)
        units[1::2] = units[::2][:, numbers]
        units["row"] = np.arange(units.shape[1])

    world.set_out(40, change)
    while world.advance():
        one, other = world._units[::2][:, numbers], world._units[1::2]
        for field in ("x", "y", "health", "shield", "energy", "cooldown", "random"):
            np.testing.assert_array_equal(one[field], other[field])
