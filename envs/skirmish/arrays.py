"""A batch of battles as arrays of records: one record a unit, one a battle, and one a kind of unit.

Units are numbered through: allies 0 .. n_agents - 1 (agent ids), then the enemies. The fields are declared once, as
the attributes of `Unit`, `Battle` and `Kind`; the record types that compiled code reads are made from them. Records,
and not one array a field, because a compiled function then takes one pointer instead of dozens of arrays.
"""

from __future__ import annotations

from typing import Any, Protocol, get_type_hints

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core.world import Floats64

Records = NDArray[Any]
"""An array of records: units [battles, units], battles [battles] or kinds [kinds]."""

IDLE, MOVE, TARGET, ATTACK_MOVE = 0, 1, 2, 3
"""Orders. An idle or moving agent never fires; TARGET attacks or heals somebody and follows him; ATTACK_MOVE is the
enemies' order."""

MOST_AGENTS = 64
"""There is a bit for each in `Unit.hit_by`."""

NOBODY = -1
"""In place of a unit's number; also of an action before the first one."""

GROUND, AIR, CLIFF_WALKER = 0, 1, 2
"""Planes: units collide with units of their own plane only."""

UNARMED, SHOT, LINE, BURST = 0, 1, 2, 3
"""Weapons: none; hits its target; hits everybody near a line across the shot; hits everybody around and dies of it."""


class Kind(Protocol):
    """One type of unit (envs.units.UnitType). Lengths in map cells, times in game loops."""

    health_max: float
    shield_max: float
    energy_max: float
    energy_start: float
    health_regeneration: float  # a loop
    shield_regeneration: float
    energy_regeneration: float
    shield_delay: float  # loops without a hit before shields regenerate
    armour: float
    speed: float  # cells a loop
    radius: float  # for ranges
    separation_radius: float  # for collisions
    plane: int
    biological: bool
    weapon: int
    range: float  # of the weapon or of healing, from edge to edge
    scan_range: float  # within which it finds targets by itself
    slop: float  # added to the range when the shot falls, for targets that walk away meanwhile
    period: float
    damage_point: float
    recovery: float  # backswing of its weapon
    hits: int  # of one attack
    first_hit: float  # from the shot to the first hit
    hit_interval: float
    missile_speed: float  # cells a loop; 0 for none
    reach: float  # of a line or a burst, from its middle to the edge of who is hit
    line_half_length: float
    heal_rate: float  # health a loop; 0 for those who do not heal
    energy_per_health: float
    least_energy: float
    state_cooldown: float  # SMAC's divisor of the cooldown (for medivacs: of the energy) in the state


class Unit(Protocol):
    """One unit of one battle. Lengths in map cells, times in game loops."""

    # What is looked at in every game loop comes first, so that it lies close together in memory.
    kind: int  # which record of the kinds
    order: int
    target: int  # whom it attacks, heals or follows, or NOBODY
    hits_left: int  # of its attack, on their way
    x: float
    y: float
    health: float  # 0 when dead
    walk_x: float  # how far it wants to walk in this loop
    walk_y: float
    ready_at: float  # when the weapon is ready; times are counted in game loops from the battle's beginning
    shot_at: float  # when the attack in progress is shot
    recovered_at: float  # when the backswing of its last attack is over
    scan_at: float  # before this nobody can come into the range in which it finds targets
    hit_at: float  # when the next of the hits on their way lands
    goal_x: float  # where its move or attack-move leads
    goal_y: float
    row: int  # not of this unit: the number of whoever comes so-manieth from the west
    heals: int  # whom it heals in this loop, or NOBODY
    attacking: bool  # an attack is in progress, not yet shot
    arrived: bool  # it is where its attack-move leads
    stirred: bool  # it has moved since overlaps were last looked for
    attackers: int  # how many hit it in this loop
    attacker: int  # the nearest of them, or NOBODY
    hit_target: int  # whom the hits on their way hit
    shield: float
    leash_x: float  # where it stood when it took its target by itself
    leash_y: float
    side_step: float  # -1 or 1: on which side it passes somebody standing squarely in its way
    random: np.uint64  # state of its random numbers
    line_x: float  # middle and direction of a line of fire
    line_y: float
    line_dx: float
    line_dy: float
    hurt_at: float  # when it was last hit
    help_at: float  # before this it does not call for help again
    called_at: float  # when it last answered a call for help
    energy: float
    cooldown: float  # loops until the weapon is ready, as it was at the environment step's end
    worth_before: float  # health + shield at the environment step's beginning, 0 if dead then
    hit_by: np.uint64  # bit i: an attack of agent i landed on it in this environment step
    acted_on: int  # whom it last attacked or healed in this environment step, or NOBODY
    last_action: int  # NOBODY before the first; enemies have none
    type_slot: int  # which of the type bits it sets


class Battle(Protocol):
    """What is remembered of a battle besides its units."""

    steps: int  # environment steps taken
    loops: int  # game loops played
    over: bool
    crowded: bool  # units overlapped when last looked
    reward_scale: float  # rewards are multiplied by this; differs where teams do


def _record_type(declaration: type) -> np.dtype[np.void]:
    kinds = {float: np.float64, int: np.int32, bool: np.bool_, np.uint64: np.uint64}
    fields = [(name, kinds[kind]) for name, kind in get_type_hints(declaration).items()]
    return np.dtype(fields, align=True)


KIND = _record_type(Kind)
UNIT = _record_type(Unit)
BATTLE = _record_type(Battle)

__all__ = ["AIR", "ATTACK_MOVE", "BATTLE", "BURST", "CLIFF_WALKER", "GROUND", "IDLE", "KIND", "LINE", "MOST_AGENTS"]
__all__ += ["MOVE", "NOBODY", "SHOT", "TARGET", "UNARMED", "UNIT", "Battle", "Floats64", "Kind", "Records", "Unit"]
