"""Unit types and combat constants, read from data/units.json (sources are named in that file)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Weapon:
    """What a unit attacks with. Times in normal game seconds, range in map cells from edge to edge."""

    damage: float
    period: float
    range: float
    damage_point: float  # from the beginning of an attack to its hit
    backswing: float  # after the hit, standing still unless ordered away


@dataclass(frozen=True)
class UnitType:
    """One kind of unit. Speed in cells per second; state_cooldown is SMAC's divisor of the cooldown in the state."""

    name: str
    health: float
    shield: float
    armour: float
    speed: float
    radius: float  # for ranges
    separation_radius: float  # for collisions
    state_cooldown: float
    weapon: Weapon


@dataclass(frozen=True)
class CombatConstants:
    """Numbers of the game's rules that belong to no unit. Times in seconds, lengths in map cells."""

    loops_per_second: int
    loops_per_env_step: int
    minimum_damage: float
    weapon_delay: tuple[float, float]  # added to every weapon period, drawn uniformly
    minimum_scan_range: float
    range_slop: float
    acquire_leash: float
    call_for_help_radius: float
    call_for_help_period: float


@cache
def unit_type(name: str) -> UnitType:
    """Return the unit type of this name. Raises KeyError when the data has none."""
    values = dict(_data()["units"][name])
    weapon = Weapon(**values.pop("weapon"))
    return UnitType(name=name, weapon=weapon, **values)


@cache
def combat_constants() -> CombatConstants:
    """Return the constants of combat."""
    values = dict(_data()["constants"])
    low, high = values.pop("weapon_delay")
    return CombatConstants(weapon_delay=(low, high), **values)


@cache
def _data() -> dict[str, Any]:
    text = resources.files("envs").joinpath("data/units.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
