"""The records of the kinds of units, their damage to each other, and a map's initial units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fedqmix.envs.maps import EnemyOrder, MapRecord
from fedqmix.envs.skirmish.arrays import (
    AIR,
    ATTACK_MOVE,
    BURST,
    CLIFF_WALKER,
    GROUND,
    KIND,
    LINE,
    NO_UNIT,
    SHOT,
    UNARMED,
    UNIT,
    Records,
)
from fedqmix.envs.skirmish.spawn import spawn_points
from fedqmix.envs.units import UnitType, Weapon, combat_constants, hit_damage, unit_names, unit_type
from fedqmix.runtime.core.world import Floats64

PLANES = {"ground": GROUND, "air": AIR, "cliff_walker": CLIFF_WALKER}


class Catalogue(NamedTuple):
    """All kinds of units, by number."""

    kinds: Records  # [kinds]
    damage: Floats64  # [kinds, kinds] one hit of the row's kind on the column's, before armour; below 0: cannot attack
    reach: Floats64  # [kinds, kinds] range of the row's weapon (or healing) on the column's, from centre to centre


def make_catalogue() -> Catalogue:
    """List all kinds of units in the order of envs.units.unit_names."""
    types = [unit_type(name) for name in unit_names()]
    kinds = np.zeros(len(types), dtype=KIND)
    for kind, type_ in zip(kinds, types, strict=True):
        _describe(kind, type_)
    damage = np.full((len(types), len(types)), -1.0)
    for row, attacker in enumerate(types):
        for column, target in enumerate(types):
            hit = hit_damage(attacker, target)
            damage[row, column] = -1.0 if hit is None else hit
    reach = kinds["range"][:, None] + kinds["radius"][:, None] + kinds["radius"][None, :]
    return Catalogue(kinds, damage, reach)


def _describe(kind: np.void, type_: UnitType) -> None:
    constants = combat_constants()
    loops = constants.loops_per_second
    kind["health_max"], kind["shield_max"], kind["armour"] = type_.health, type_.shield, type_.armour
    kind["health_regeneration"] = type_.health_regeneration / loops
    kind["shield_regeneration"] = type_.shield_regeneration / loops
    kind["shield_delay"] = type_.shield_delay * loops
    kind["speed"] = type_.speed / loops
    kind["radius"], kind["separation_radius"] = type_.radius, type_.separation_radius
    kind["plane"] = PLANES[type_.plane]
    kind["biological"] = "biological" in type_.attributes
    kind["state_cooldown"] = type_.state_cooldown
    if type_.energy is not None:
        kind["energy_start"], kind["energy_max"] = type_.energy.start, type_.energy.max
        kind["energy_regeneration"] = type_.energy.regeneration / loops
    if type_.heal is not None:
        kind["heal_rate"] = type_.heal.rate / loops
        kind["energy_per_health"], kind["least_energy"] = type_.heal.energy_per_health, type_.heal.least_energy
        kind["range"], kind["scan_range"] = type_.heal.range, type_.heal.scan_range
    if type_.weapon is None:
        kind["weapon"] = UNARMED
    else:
        _arm(kind, type_.weapon)
        kind["scan_range"] = max(type_.weapon.range, constants.minimum_scan_range)


def _arm(kind: np.void, weapon: Weapon) -> None:
    constants = combat_constants()
    loops = constants.loops_per_second
    kind["weapon"] = LINE if weapon.line is not None else BURST if weapon.burst_radius > 0 else SHOT
    kind["range"], kind["hits"] = weapon.range, weapon.hits
    kind["slop"] = constants.range_slop if weapon.range_slop is None else weapon.range_slop
    kind["period"], kind["damage_point"] = weapon.period * loops, weapon.damage_point * loops
    kind["recovery"] = weapon.backswing * loops
    kind["first_hit"], kind["hit_interval"] = weapon.first_hit * loops, weapon.hit_interval * loops
    kind["missile_speed"] = weapon.missile_speed / loops
    kind["reach"] = weapon.burst_radius
    if weapon.line is not None:
        kind["reach"], kind["line_half_length"] = weapon.line.radius, weapon.line.half_length


def make_units(record: MapRecord) -> Records:
    """Return the units of a map at a battle's beginning, before random draws: [units]."""
    names = record.unit_types
    units = np.zeros(len(names), dtype=UNIT)
    units["kind"] = [unit_names().index(name) for name in names]
    kinds = make_catalogue().kinds[units["kind"]]
    units["x"], units["y"] = spawn_points(record)
    units["health"], units["shield"], units["energy"] = kinds["health_max"], kinds["shield_max"], kinds["energy_start"]
    for field in ("target", "last_action", "hit_target", "heals", "attacker", "acted_on"):
        units[field] = NO_UNIT
    units["stirred"] = True
    units["row"] = np.arange(len(names))
    for number, name in enumerate(names):
        slots = record.ally_slots if number < record.n_agents else record.enemy_slots
        units["type_slot"][number] = slots.index(name) if slots else 0
    enemies = units[record.n_agents :]
    enemies["order"] = ATTACK_MOVE
    if record.order in (EnemyOrder.NONE, EnemyOrder.ATTACK_NEAREST):  # they attack units that come near
        enemies["arrived"] = True
        enemies["goal_x"], enemies["goal_y"] = enemies["x"], enemies["y"]
    else:
        enemies["goal_x"], enemies["goal_y"] = record.attack[0]
    return units
