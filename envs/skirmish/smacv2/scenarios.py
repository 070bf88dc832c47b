"""The scenarios of SMACv2 as maps: a flat field of 32 x 32 cells, and the numbers of agents and enemies.

Facts from github.com/oxwhirl/smacv2 at 577ab5a: maps/smac_maps.py (limit, races, type bits), the MapScript of
32x32_flat.SC2Map (the enemies' order), examples/configs (the teams' types).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from fedqmix.envs.actions import ACTION_NAMES
from fedqmix.envs.maps import LEVEL_HEIGHTS, EnemyOrder, Group, MapRecord
from fedqmix.envs.skirmish.arrays import MOST_AGENTS, MOST_UNITS
from fedqmix.runtime.core.errors import ConfigurationError

SIDE = 32  # cells
LIMIT = 200  # environment steps
DIRECTIONS = 12  # in which a cone of sight can point (num_fov_actions); it is as wide as the angle between two of them
PATTERN = re.compile(r"(protoss|terran|zerg)_([1-9][0-9]{0,2})_vs_([1-9][0-9]{0,2})")


class Race(NamedTuple):
    """The teams of a race."""

    letter: str
    types: tuple[str, str, str]  # in the order of the type bits
    weights: tuple[float, float, float]  # the probability of each type
    exceptions: tuple[str, ...]  # types of which alone no team consists


RACES: Mapping[str, Race] = {
    "protoss": Race("P", ("stalker", "zealot", "colossus"), (0.45, 0.45, 0.1), ()),
    "terran": Race("T", ("marine", "marauder", "medivac"), (0.45, 0.45, 0.1), ("medivac",)),
    "zerg": Race("Z", ("zergling", "hydralisk", "baneling"), (0.45, 0.45, 0.1), ("baneling",)),
}
SIZES = ((5, 5), (10, 10), (10, 11), (20, 20), (20, 23))
"""Numbers of agents and enemies of the published scenarios."""
SCENARIOS = tuple(f"{race}_{agents}_vs_{enemies}" for race in RACES for agents, enemies in SIZES)


def race_of(record: MapRecord) -> Race:
    """Return the race of both teams of a scenario."""
    return RACES[record.name.partition("_")[0]]


@cache
def find_scenario(name: str) -> MapRecord | None:
    """Return the scenario of a name like protoss_10_vs_11, published or not; None for a name of another pattern.

    Raises ConfigurationError for teams that are too large.
    """
    found = PATTERN.fullmatch(name)
    if found is None:
        return None
    agents, enemies = int(found[2]), int(found[3])
    if agents > MOST_AGENTS or agents + enemies > MOST_UNITS:
        raise ConfigurationError(
            f"map={name} has too many units: at most {MOST_AGENTS} agents, and {MOST_UNITS} units in both teams."
        )
    race = RACES[found[1]]
    middle = SIDE / 2
    return MapRecord(
        name=name,
        episode_limit=LIMIT,
        map_type=f"{found[1]}_gen",
        ally_race=race.letter,
        enemy_race=race.letter,
        unit_type_bits=len(race.types),
        ally_slots=race.types,
        enemy_slots=race.types,
        allies=(Group(race.types[0], agents, middle / 2, middle),),
        enemies=(Group(race.types[0], enemies, SIDE - middle / 2, middle),),
        order=EnemyOrder.ATTACK_NEAREST,
        attack=((0.0, 0.0), (0.0, 0.0)),
        walkable=everywhere(True, np.bool_),
        cliffs=everywhere(False, np.bool_),
        height=flat(),
        smacv2=True,
    )


def turns_of(name: str, n_actions: int) -> int:
    """Return how many of a map's actions turn a cone of sight: 0 without one, and on all maps but scenarios."""
    found = PATTERN.fullmatch(name)
    if found is None:
        return 0
    agents, enemies = int(found[2]), int(found[3])
    targets = max(agents, enemies) if found[1] == "terran" else enemies
    return n_actions - len(ACTION_NAMES) - targets


def names_before_targets(turns: int) -> tuple[str, ...]:
    """Return the names of the actions before those with a target. turns: how many of them turn a cone of sight."""
    return (*ACTION_NAMES, *(f"look towards {360 * i // DIRECTIONS} degrees" for i in range(turns)))


def flat() -> np.ndarray:
    """Return the heights of the flat field: [SIDE, SIDE] float32."""
    return everywhere(LEVEL_HEIGHTS["1"], np.float32)


def everywhere(value: float, kind: type[np.generic]) -> np.ndarray:
    """Return a field with one value in all cells: [SIDE, SIDE]."""
    cells = np.full((SIDE, SIDE), value, kind)
    cells.flags.writeable = False
    return cells
