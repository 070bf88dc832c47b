"""The maps on offer, read from data/maps.json (sources are named in that file)."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from contracts.errors import ConfigurationError
from contracts.world import Bools


@dataclass(frozen=True)
class Group:
    """Units of one type that appear packed around one point."""

    unit: str
    count: int
    x: float  # map cells, to the east
    y: float  # map cells, to the north


@dataclass(frozen=True)
class MapRecord:
    """One map: who fights whom, where, and for how long.

    The enemies' order is one attack-move to (attack_x, attack_y), given once at the beginning.
    """

    name: str
    episode_limit: int  # environment steps
    ally_race: str
    enemy_race: str
    unit_type_bits: int
    allies: tuple[Group, ...]
    enemies: tuple[Group, ...]
    attack_x: float
    attack_y: float
    walkable: Bools  # [x, y] one flag per cell

    @property
    def n_agents(self) -> int:
        """Number of allied units, each an agent."""
        return sum(group.count for group in self.allies)

    @property
    def n_enemies(self) -> int:
        """Number of enemy units."""
        return sum(group.count for group in self.enemies)


def available_maps() -> list[str]:
    """List the maps' names, fewest units first."""
    names = list(_data()["maps"])
    return sorted(names, key=lambda name: (load_map(name).n_agents + load_map(name).n_enemies, name))


@cache
def load_map(name: str) -> MapRecord:
    """Return the map of this name. Raises ConfigurationError that lists the valid names when there is none."""
    data = _data()
    if name not in data["maps"]:
        raise ConfigurationError(_unknown_map(name))
    values = data["maps"][name]
    rows = data["terrains"][values["terrain"]]["rows"]
    walkable = np.array([[cell == "." for cell in row] for row in rows], dtype=np.bool_).T.copy()
    walkable.flags.writeable = False
    attack_x, attack_y = values["enemy_order"]["point"]
    return MapRecord(
        name=name,
        episode_limit=values["episode_limit"],
        ally_race=values["ally_race"],
        enemy_race=values["enemy_race"],
        unit_type_bits=values["unit_type_bits"],
        allies=tuple(Group(**group) for group in values["allies"]),
        enemies=tuple(Group(**group) for group in values["enemies"]),
        attack_x=attack_x,
        attack_y=attack_y,
        walkable=walkable,
    )


def _unknown_map(name: str) -> str:
    allowed = available_maps()
    folded = {candidate.lower(): candidate for candidate in allowed}
    near = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.5)
    hint = f" Did you mean {folded[near[0]]!r}?" if near else ""
    return f"There is no map {name!r}.{hint} Available maps: {', '.join(allowed)}."


@cache
def _data() -> dict[str, Any]:
    text = resources.files("envs").joinpath("data/maps.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
