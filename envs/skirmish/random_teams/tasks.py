"""The sets of tasks as maps: a flat field of 32 x 32 cells, the largest team, and all teams that are drawn.

    3-8m      3 to 8 marines                                        6 teams, 100 environment steps
    3-8sz     3 to 8 stalkers and zealots                          39 teams, 150
    3-8csz    3 to 6 stalkers and zealots, 0 to 2 colossi          66 teams, 150
    3-8MMM    3 to 6 marines and marauders, 0 to 2 medivacs        66 teams, 150

A map's groups are those of the team with the largest sum of health and shield, from which rewards are scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.maps import EnemyOrder, Group, MapRecord
from fedqmix.envs.skirmish.smacv2.scenarios import SIDE, everywhere, flat
from fedqmix.envs.units import unit_type

MOST = 8  # units of a team
APART = 14.0  # cells between the middles of both teams


class TaskSet(NamedTuple):
    """A set of tasks: the teams of a few unit types."""

    race: str
    types: tuple[str, ...]  # in the order of the type bits
    fighters: tuple[int, ...]  # numbers of units of all types but the last `special`
    special: tuple[int, ...]  # numbers of units of the last type; (0,): it is a fighter like the others
    limit: int  # environment steps
    type_bits: int
    map_type: str = ""


SETS: Mapping[str, TaskSet] = {
    "3-8m": TaskSet("T", ("marine",), (3, 8), (0,), 100, 0),
    "3-8sz": TaskSet("P", ("stalker", "zealot"), (3, 8), (0,), 150, 2),
    "3-8csz": TaskSet("P", ("stalker", "zealot", "colossus"), (3, 6), (0, 1, 2), 150, 3),
    "3-8MMM": TaskSet("T", ("marine", "marauder", "medivac"), (3, 6), (0, 1, 2), 150, 3, "MMM"),
}
RANDOM_TEAMS = tuple(SETS)
"""The names of the sets, fewest types first."""


def teams_of(name: str) -> NDArray[np.int64]:
    """Return the number of units of each type in every team of a set: [teams, types]."""
    one = SETS[name]
    mixed = len(one.types) - (one.special != (0,))  # types of which there may be any number of fighters
    fewest, most = one.fighters
    fighters = [own for own in product(range(most + 1), repeat=mixed) if fewest <= sum(own) <= most]
    rest = [(number,) for number in one.special] if mixed < len(one.types) else [()]
    return np.array([own + other for own in fighters for other in rest], np.int64)


def patients_after(name: str) -> int:
    """Return how many actions with a target come before those that heal: 0 on all maps whose medivacs share them."""
    return MOST if name in SETS and "medivac" in SETS[name].types else 0


@cache
def find_random_teams(name: str) -> MapRecord | None:
    """Return the map of a set of tasks; None for another name."""
    if name not in SETS:
        return None
    one, teams = SETS[name], teams_of(name)
    worth = [unit_type(own).health + unit_type(own).shield for own in one.types]
    whole = teams[teams.sum(1) == MOST]
    largest = whole[(whole * np.array(worth)).sum(1).argmax()]
    middle = SIDE / 2
    sides = [
        tuple(Group(own, int(count), x, middle) for own, count in zip(one.types, largest, strict=True) if count)
        for x in (middle - APART / 2, middle + APART / 2)
    ]
    return MapRecord(
        name=name,
        episode_limit=one.limit,
        map_type=one.map_type,
        ally_race=one.race,
        enemy_race=one.race,
        unit_type_bits=one.type_bits,
        ally_slots=one.types if one.type_bits else (),
        enemy_slots=one.types if one.type_bits else (),
        allies=sides[0],
        enemies=sides[1],
        order=EnemyOrder.ATTACK_MOVE,
        attack=((middle, middle), (middle, middle)),  # each battle has its own (opening.py)
        walkable=everywhere(True, np.bool_),
        cliffs=everywhere(False, np.bool_),
        height=flat(),
        random_teams=True,
    )
