"""The records of the maps, read from data/maps.json (which names its sources)."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import Bools, Floats

LEVEL_HEIGHTS = {"0": 176 / 255, "1": 192 / 255, "r": 200 / 255, "2": 208 / 255}
"""Height of the editor's cliff levels, 0..1: two game units (16/255) a level. The height of level 0 is assumed."""


class EnemyOrder(StrEnum):
    """The enemies' order at the beginning."""

    ATTACK_MOVE = "attack_move"
    ATTACK_AGENTS = "attack_agents"
    ATTACK_NEAREST = "attack_nearest"
    NONE = "none"


@dataclass(frozen=True)
class Group:
    """Units of one type, packed around one point at the beginning."""

    unit: str
    count: int
    x: float  # map cells, to the east
    y: float  # map cells, to the north


@dataclass(frozen=True)
class MapRecord:
    """One map: its teams, terrain and episode limit.

    The enemies have one order from the beginning: an attack-move, an attack on the agents wherever they are, or none.
    The attack-move leads to a point drawn between the two ends of `attack` (most often the same point twice).
    A scenario of SMACv2 draws the units' types and places for every battle (envs/skirmish/smacv2); its groups only say
    how many units there are. Its enemies are ordered to attack the nearest agent whenever they have no order.
    """

    name: str
    episode_limit: int  # environment steps
    map_type: str  # SMAC's name for the kind of units on the map
    ally_race: str
    enemy_race: str
    unit_type_bits: int
    ally_slots: tuple[str, ...]  # unit types in the order of their type bits; empty where there are none
    enemy_slots: tuple[str, ...]
    allies: tuple[Group, ...]
    enemies: tuple[Group, ...]
    order: EnemyOrder
    attack: tuple[tuple[float, float], tuple[float, float]]
    walkable: Bools  # [x, y] one flag per cell
    cliffs: Bools  # [x, y] cells that only colossi can walk on
    height: Floats  # [x, y] 0..1, in SMAC's scale of terrain height; only the discrete heights of cliff levels
    smacv2: bool = False  # whether it is a scenario of SMACv2
    random_teams: bool = False  # whether a smaller team is drawn for every battle (envs/skirmish/random_teams)

    @property
    def n_agents(self) -> int:
        """Number of allied units, each an agent."""
        return sum(group.count for group in self.allies)

    @property
    def n_enemies(self) -> int:
        """Number of enemy units."""
        return sum(group.count for group in self.enemies)

    @property
    def unit_types(self) -> list[str]:
        """Type of every unit: agents sorted as in SMAC (init_units), then enemies by creation."""
        return sorted(_listed(self.allies)) + _listed(self.enemies)


def _listed(groups: tuple[Group, ...]) -> list[str]:
    return [group.unit for group in groups for _ in range(group.count)]


def available_maps() -> list[str]:
    """List the maps' names, fewest units first."""
    names = list(_data()["maps"])
    return sorted(names, key=lambda name: (load_map(name).n_agents + load_map(name).n_enemies, name))


@cache
def load_map(name: str) -> MapRecord:
    """Return the map, SMACv2's scenario or set of drawn teams of a name.

    Raises ConfigurationError that lists the valid names.
    """
    from fedqmix.envs.skirmish.random_teams.tasks import RANDOM_TEAMS, find_random_teams  # these build on this module
    from fedqmix.envs.skirmish.smacv2.scenarios import SCENARIOS, find_scenario

    data = _data()
    if name not in data["maps"]:
        scenario = find_scenario(name) or find_random_teams(name)
        if scenario is None:
            raise ConfigurationError(_unknown_map(name, (*SCENARIOS, *RANDOM_TEAMS)))
        return scenario
    values = data["maps"][name]
    terrain, order, slots = data["terrains"][values["terrain"]], values["enemy_order"], data["map_types"]
    ends = order.get("points", [[0.0, 0.0]])
    slots = slots.get(values["map_type"], {"allies": (), "enemies": ()})
    return MapRecord(
        name=name,
        episode_limit=values["episode_limit"],
        map_type=values["map_type"],
        ally_race=values["ally_race"],
        enemy_race=values["enemy_race"],
        unit_type_bits=values["unit_type_bits"],
        ally_slots=tuple(slots["allies"]),
        enemy_slots=tuple(slots["enemies"]),
        allies=tuple(Group(**group) for group in values["allies"]),
        enemies=tuple(Group(**group) for group in values["enemies"]),
        order=EnemyOrder(order["kind"]),
        attack=(tuple(ends[0]), tuple(ends[-1])),
        walkable=_by_cell(terrain["rows"], {".": True}, np.bool_),
        cliffs=_by_cell(terrain["rows"], {"c": True}, np.bool_),
        height=_by_cell(terrain["levels"], LEVEL_HEIGHTS, np.float32),
    )


def _by_cell(rows: list[str], meaning: dict[str, Any], kind: Any) -> Any:
    """Convert rows of characters, south to north, to a read-only array [x, y].

    meaning: the value of each character; other characters become 0.
    """
    cells = np.array([[meaning.get(cell, 0) for cell in row] for row in rows], dtype=kind).T.copy()
    cells.flags.writeable = False
    return cells


def _unknown_map(name: str, scenarios: Sequence[str]) -> str:  # scenarios: of SMACv2, and sets of drawn teams
    allowed = available_maps()
    folded = {candidate.lower(): candidate for candidate in (*allowed, *scenarios)}
    near = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.5)
    hint = f"; did you mean '{folded[near[0]]}'?" if near else "."
    listed = f"{', '.join(allowed)}; with env=skirmish also {', '.join(scenarios)}."
    return f"unknown map '{name}'{hint} Allowed: {listed}"


@cache
def _data() -> dict[str, Any]:
    text = resources.files("fedqmix.envs").joinpath("data/maps.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
