"""Unit types and combat constants, read from data/units.json (which names its sources)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

RACES = {
    "T": ("marauder", "marine", "medivac"),
    "P": ("stalker", "zealot", "colossus"),
    "Z": ("hydralisk", "zergling", "baneling"),
}
"""Types of a race in the order of their type bits; each of the first two is drawn 4.5 times as often as the third."""


@dataclass(frozen=True)
class Line:
    """A line of fire across the shot, which hits units nearer than radius + their own radius."""

    half_length: float
    radius: float


@dataclass(frozen=True)
class Weapon:
    """A unit's weapon.

    Times in normal game seconds, lengths in map cells, range from edge to edge.
    """

    damage: float  # per hit
    period: float
    range: float
    damage_point: float  # from the beginning of an attack to the shot
    backswing: float  # after the shot; the unit stands still unless ordered away
    bonus: dict[str, float] | None = None  # damage added by attribute of the target
    hits: int = 1  # per attack
    first_hit: float = 0.0  # from the shot to its first hit
    hit_interval: float = 0.0  # between its hits
    missile_speed: float = 0.0  # cells a second, 0 without a missile; the hit lands when the missile arrives
    range_slop: float | None = None  # added to the range at the shot; None: CombatConstants.range_slop
    targets_air: bool = True
    line: Line | None = None
    burst_radius: float = 0.0  # above 0: the weapon hits all units this near, and its own unit dies


@dataclass(frozen=True)
class Energy:
    """The energy that healing costs; regeneration per second."""

    start: float
    max: float
    regeneration: float


@dataclass(frozen=True)
class Heal:
    """Healing of biological units.

    rate: health per second; ranges in map cells from edge to edge.
    """

    rate: float
    energy_per_health: float
    range: float
    scan_range: float  # within which an idle unit finds wounded units
    least_energy: float  # below which an idle unit does not begin to heal


@dataclass(frozen=True)
class UnitType:
    """One kind of unit. Speed in cells per second.

    state_cooldown: SMAC's divisor of the cooldown in the state.
    """

    name: str
    health: float
    shield: float
    armour: float
    attributes: tuple[str, ...]
    speed: float
    radius: float  # for ranges
    separation_radius: float  # for collisions
    state_cooldown: float
    health_regeneration: float = 0.0  # per second
    shield_regeneration: float = 0.0  # per second
    shield_delay: float = 0.0  # seconds without a hit before shields regenerate
    plane: str = "ground"  # units of one plane collide: ground, air or cliff_walker
    energy: Energy | None = None
    heal: Heal | None = None
    weapon: Weapon | None = None


@dataclass(frozen=True)
class CombatConstants:
    """Constants of the game's rules for all units. Times in seconds, lengths in map cells."""

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
    """Return the unit type of a name. Raises KeyError for an unknown name."""
    values = dict(_data()["units"][name])
    values["attributes"] = tuple(values["attributes"])
    if "weapon" in values:
        weapon = dict(values["weapon"])
        weapon["line"] = Line(**weapon["line"]) if "line" in weapon else None
        values["weapon"] = Weapon(**weapon)
    if "energy" in values:
        values["energy"] = Energy(**values["energy"])
    if "heal" in values:
        values["heal"] = Heal(**values["heal"])
    return UnitType(name=name, **values)


@cache
def unit_names() -> tuple[str, ...]:
    """Return the names of all unit types, in the data's order."""
    return tuple(_data()["units"])


def hit_damage(attacker: UnitType, target: UnitType) -> float | None:
    """Return the damage of one hit before armour; None if the attacker cannot hit the target."""
    weapon = attacker.weapon
    if weapon is None or (target.plane == "air" and not weapon.targets_air):
        return None
    return weapon.damage + sum(extra for name, extra in (weapon.bonus or {}).items() if name in target.attributes)


@cache
def combat_constants() -> CombatConstants:
    """Return the constants of combat."""
    values = dict(_data()["constants"])
    low, high = values.pop("weapon_delay")
    return CombatConstants(weapon_delay=(low, high), **values)


@cache
def _data() -> dict[str, Any]:
    text = resources.files("fedqmix.envs").joinpath("data/units.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
