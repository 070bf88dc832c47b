"""The arrays of a batch of battles: one record per unit, per battle and per kind of unit.

Units are numbered in one sequence: allies 0 .. n_agents - 1 (agent ids), then the enemies. The attributes of `Unit`,
`Battle` and `Kind` declare the fields once; the record types that compiled code reads are made from them. A compiled
function takes one pointer to records instead of one array per field.
"""

from __future__ import annotations

from typing import Any, Protocol, get_type_hints

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core.world import Floats64

Records = NDArray[Any]
"""An array of records: units [battles, units], battles [battles] or kinds [kinds]."""

IDLE, MOVE, TARGET, ATTACK_MOVE = 0, 1, 2, 3
"""Orders. An idle or moving agent never fires; TARGET attacks or heals a unit and follows it; ATTACK_MOVE is the
enemies' order."""

MOST_UNITS = 128
"""The most units of a battle, allies and enemies together."""

MOST_AGENTS = 64
"""The most agents of a map: `Unit.hit_by` has one bit for each."""

NO_UNIT = -1
"""The number in place of a unit's, or of the last action before the first one."""

GROUND, AIR, CLIFF_WALKER = 0, 1, 2
"""Planes: a unit collides only with units of its own plane."""

UNARMED, SHOT, LINE, BURST = 0, 1, 2, 3
"""Weapons: none; hits the target; hits all units near a line across the shot; hits all units around, and its own unit
dies."""


class Kind(Protocol):
    """One type of unit (envs.units.UnitType). Lengths in map cells, times in game loops."""

    health_max: float
    shield_max: float
    energy_max: float
    energy_start: float
    health_regeneration: float  # per loop
    shield_regeneration: float  # per loop
    energy_regeneration: float  # per loop
    shield_delay: float  # loops without a hit before shields regenerate
    armour: float
    speed: float  # cells per loop
    radius: float  # for ranges
    separation_radius: float  # for collisions
    plane: int
    biological: bool
    weapon: int
    range: float  # of the weapon or of healing, from edge to edge
    scan_range: float  # within which the unit finds targets by itself
    slop: float  # added to the range at the shot, for targets that walk away during the attack
    period: float
    damage_point: float
    recovery: float  # backswing of the weapon
    hits: int  # per attack
    first_hit: float  # from the shot to the first hit
    hit_interval: float
    missile_speed: float  # cells per loop; 0 without a missile
    reach: float  # of a line or a burst, from its middle to the edge of a unit that it hits
    line_half_length: float
    heal_rate: float  # health per loop; 0 if the kind does not heal
    energy_per_health: float
    least_energy: float
    state_cooldown: float  # SMAC's divisor of the cooldown (for medivacs: of the energy) in the state


class Unit(Protocol):
    """One unit of one battle. Lengths in map cells, times in game loops."""

    # The fields that every game loop reads come first, so that they lie close together in memory.
    kind: int  # index of its record in kinds
    order: int
    target: int  # the unit that it attacks, heals or follows, or NO_UNIT
    hits_left: int  # hits of its attack that have not landed yet
    x: float
    y: float
    health: float  # 0 when dead
    walk_x: float  # the distance that it wants to walk in this loop
    walk_y: float
    ready_at: float  # when the weapon is ready; times are game loops since the battle's beginning
    shot_at: float  # when the attack in progress is shot
    recovered_at: float  # when the backswing of its last attack is over
    scan_at: float  # until then no opponent can come into its scan range
    hit_at: float  # when the next hit of its attack lands
    goal_x: float  # destination of its move or attack-move
    goal_y: float
    row: int  # in record k: the number of the k-th unit from the west (not a property of unit k)
    heals: int  # the unit that it heals in this loop, or NO_UNIT
    attacking: bool  # an attack is in progress, not yet shot
    arrived: bool  # it is at its attack-move's destination
    stirred: bool  # it has moved since the last check for overlaps
    attackers: int  # the number of units that hit it in this loop
    attacker: int  # the nearest of them, or NO_UNIT
    hit_target: int  # the target of the hits that have not landed yet
    shield: float
    leash_x: float  # its place when it acquired its target
    leash_y: float
    side_step: float  # -1 or 1: the side on which it passes a unit straight ahead
    random: np.uint64  # state of its random numbers
    line_x: float  # middle and direction of a line of fire
    line_y: float
    line_dx: float
    line_dy: float
    hurt_at: float  # when it was last hit
    help_at: float  # the earliest time of its next call for help
    called_at: float  # when it last answered a call for help
    energy: float
    cooldown: float  # loops until the weapon is ready, counted from the environment step's end
    worth_before: float  # health + shield at the environment step's beginning, 0 if dead then
    hit_by: np.uint64  # bit i: an attack of agent i landed on it in this environment step
    acted_on: int  # the unit it last attacked or healed in this environment step, or NO_UNIT
    last_action: int  # NO_UNIT before the first, and for enemies
    type_slot: int  # the type bit that it sets
    absent: bool  # it does not exist in this battle (random_teams/)
    # The rest belongs to SMACv2's scenarios (smacv2/), which limit what agents see.
    facing: int  # of an agent with a cone of sight: the direction it looks at, by number
    claimed_by: int  # of an enemy: the agent that discovered it, or NO_UNIT
    granted: np.uint64  # of an enemy: bit i: agent i may see it
    sight_random: np.uint64  # state of its random numbers for discoveries, which leave those of combat as they are


class Battle(Protocol):
    """The state of a battle besides its units."""

    steps: int  # environment steps taken
    loops: int  # game loops played
    over: bool
    crowded: bool  # units overlapped at the last check
    reward_scale: float  # factor of the rewards; it depends on the battle's enemies
    stream: np.uint64  # state of the random numbers that draw its teams and places (smacv2/)


def _record_type(declaration: type) -> np.dtype[np.void]:
    kinds = {float: np.float64, int: np.int32, bool: np.bool_, np.uint64: np.uint64}
    fields = [(name, kinds[kind]) for name, kind in get_type_hints(declaration).items()]
    return np.dtype(fields, align=True)


KIND = _record_type(Kind)
UNIT = _record_type(Unit)
BATTLE = _record_type(Battle)

__all__ = ["AIR", "ATTACK_MOVE", "BATTLE", "BURST", "CLIFF_WALKER", "GROUND", "IDLE", "KIND", "LINE", "MOST_AGENTS"]
__all__ += ["MOST_UNITS"]
__all__ += ["MOVE", "NO_UNIT", "SHOT", "TARGET", "UNARMED", "UNIT", "Battle", "Floats64", "Kind", "Records", "Unit"]
