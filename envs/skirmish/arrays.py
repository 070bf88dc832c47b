"""A batch of battles as arrays of records: one record a unit, one a battle.

Units are numbered through: allies 0 .. n_agents - 1 (agent ids), then the enemies. The fields are declared once, as
the attributes of `Unit` and `Battle`; the record types that compiled code reads are made from them. Records, and not
one array a field, because a compiled function then takes one pointer instead of dozens of arrays.
"""

from __future__ import annotations

from typing import Any, Protocol, get_type_hints

import numpy as np
from numpy.typing import NDArray

from envs.maps import MapRecord
from envs.skirmish.spawn import spawn_points
from envs.units import UnitType, combat_constants, unit_type

Records = NDArray[Any]
"""An array of records: units [battles, units] or battles [battles]."""

IDLE, MOVE, ATTACK, ATTACK_MOVE = 0, 1, 2, 3
"""Orders. An idle or moving ally never fires; ATTACK chases its target; ATTACK_MOVE is the enemies' order."""

NOBODY = -1
"""In place of a unit's number; also of an action before the first one."""


class Unit(Protocol):
    """One unit of one battle. Lengths in map cells, times in game loops."""

    # What kind of unit it is; does not change.
    health_max: float
    shield_max: float
    armour: float
    speed: float  # cells a loop
    radius: float  # for ranges
    separation_radius: float  # for collisions
    damage: float
    period: float  # of its weapon
    range: float  # from edge to edge
    damage_point: float
    recovery: float  # backswing of its weapon
    state_cooldown: float  # SMAC's divisor of the cooldown in the state
    type_slot: int  # which of the type bits it sets

    # How it is.
    x: float
    y: float
    health: float  # 0 when dead
    shield: float
    cooldown: float  # until the weapon is ready, which it is at 0 and below
    windup: float  # until the attack in progress hits
    backswing: float  # until it has recovered from its last attack
    help: float  # until an attacked enemy may call for help again
    attacking: bool  # an attack is in progress
    arrived: bool  # an enemy is at its destination
    order: int
    target: int  # whom it attacks or chases, or NOBODY
    goal_x: float  # where its move order leads
    goal_y: float
    leash_x: float  # where an enemy stood when it took its target
    leash_y: float
    side_step: float  # -1 or 1: on which side it passes somebody standing squarely in its way
    last_action: int  # NOBODY before the first; enemies have none

    # What happens in the current game loop, or environment step.
    walk_x: float  # how far it wants to walk in this loop
    walk_y: float
    push_x: float  # how far others push it in this loop
    push_y: float
    stirred: bool  # it has moved since overlaps were last looked for
    strikes: int  # whom its attack hits in this loop, or NOBODY
    worth_before: float  # health + shield at the environment step's beginning, 0 if dead then


class Battle(Protocol):
    """What is remembered of a battle besides its units."""

    random: np.uint64  # state of its random numbers
    steps: int  # environment steps taken
    over: bool
    crowded: bool  # units overlapped when last looked


def _record_type(declaration: type) -> np.dtype[np.void]:
    kinds = {float: np.float64, int: np.int64, bool: np.bool_, np.uint64: np.uint64}
    fields = [(name, kinds[kind]) for name, kind in get_type_hints(declaration).items()]
    return np.dtype(fields, align=True)


UNIT = _record_type(Unit)
BATTLE = _record_type(Battle)


def make_units(record: MapRecord) -> Records:
    """Return [units] the units of a map as a battle begins, but for random draws."""
    names = [group.unit for side in (record.allies, record.enemies) for group in side for _ in range(group.count)]
    units = np.zeros(len(names), dtype=UNIT)
    for unit, name in zip(units, names, strict=True):
        _describe(unit, unit_type(name))
    units["x"], units["y"] = spawn_points(record)
    units["health"], units["shield"] = units["health_max"], units["shield_max"]
    units["target"] = units["last_action"] = units["strikes"] = NOBODY
    units["stirred"] = True
    units["order"][record.n_agents :] = ATTACK_MOVE
    units["goal_x"][record.n_agents :], units["goal_y"][record.n_agents :] = record.attack_x, record.attack_y
    return units


def _describe(unit: np.void, kind: UnitType) -> None:
    loops = combat_constants().loops_per_second
    unit["health_max"], unit["shield_max"], unit["armour"] = kind.health, kind.shield, kind.armour
    unit["speed"] = kind.speed / loops
    unit["radius"], unit["separation_radius"] = kind.radius, kind.separation_radius
    unit["damage"], unit["range"] = kind.weapon.damage, kind.weapon.range
    unit["period"] = kind.weapon.period * loops
    unit["damage_point"] = kind.weapon.damage_point * loops
    unit["recovery"] = kind.weapon.backswing * loops
    unit["state_cooldown"] = kind.state_cooldown
