"""The units of a batch of battles as arrays: what they are (Stats), how they are (Units), what both sides did (Ledger).

Units are numbered through: allies 0 .. n_agents - 1 (agent ids), then the enemies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.world import Bools, Integers
from envs.maps import MapRecord
from envs.units import combat_constants, unit_type

Doubles = NDArray[np.float64]

IDLE, MOVE, ATTACK, ATTACK_MOVE = 0, 1, 2, 3
"""Orders. An idle or moving ally never fires; ATTACK chases its target; ATTACK_MOVE is the enemies' order."""

NOBODY = -1
"""In place of a unit's number; also of an action before the first one."""


class Stats(NamedTuple):
    """What does not change during a battle; every array is [units]. Lengths in cells, times in game loops."""

    health_max: Doubles
    shield_max: Doubles
    armour: Doubles
    speed: Doubles  # cells a loop
    radius: Doubles
    separation_radius: Doubles
    damage: Doubles
    period: Doubles
    range: Doubles
    damage_point: Doubles
    backswing: Doubles
    state_cooldown: Doubles
    type_slot: Integers  # which of the type bits is set for this unit


class Rules(NamedTuple):
    """Combat constants in cells and game loops, and the enemies' destination."""

    loops: int  # game loops in an environment step
    minimum_damage: float
    delay_low: float
    delay_high: float
    scan_range: float
    slop: float
    leash: float
    help_radius: float
    help_period: float
    attack_x: float
    attack_y: float
    walkable: Bools  # [x, y]


class Units(NamedTuple):
    """The units of all battles; every array is [battles, units]. Lengths in cells, times in game loops."""

    x: Doubles
    y: Doubles
    health: Doubles  # 0 when dead
    shield: Doubles
    cooldown: Doubles  # until the weapon is ready, which it is at 0 and below
    windup: Doubles  # until the attack in progress hits
    backswing: Doubles  # until the unit has recovered from its last attack
    help: Doubles  # until an attacked enemy may call for help again
    attacking: Bools  # an attack is in progress
    arrived: Bools  # an enemy has reached its destination
    order: Integers
    target: Integers  # whom the unit attacks or chases, or NOBODY
    goal_x: Doubles  # where a moving unit goes
    goal_y: Doubles
    leash_x: Doubles  # where an enemy stood when it took its target
    leash_y: Doubles
    side_step: Doubles  # -1 or 1: on which side to pass somebody standing squarely in the way


class Ledger(NamedTuple):
    """What is remembered of battles besides their units."""

    last_action: Integers  # [battles, agents], NOBODY before the first
    steps: Integers  # [battles] environment steps taken
    over: Bools  # [battles]
    random: NDArray[np.uint64]  # [battles] state of the battle's random numbers
    hits: Bools  # [battles, agents, enemies] the agent's attack landed on the enemy in this step
    health_before: Doubles  # [battles, units] health + shield at the step's beginning


def make_stats(record: MapRecord) -> Stats:
    """Gather the numbers of a map's units."""
    loops = combat_constants().loops_per_second
    names = [group.unit for side in (record.allies, record.enemies) for group in side for _ in range(group.count)]
    types = [unit_type(name) for name in names]

    def column(values: list[float]) -> Doubles:
        return np.array(values, dtype=np.float64)

    return Stats(
        health_max=column([unit.health for unit in types]),
        shield_max=column([unit.shield for unit in types]),
        armour=column([unit.armour for unit in types]),
        speed=column([unit.speed / loops for unit in types]),
        radius=column([unit.radius for unit in types]),
        separation_radius=column([unit.separation_radius for unit in types]),
        damage=column([unit.weapon.damage for unit in types]),
        period=column([unit.weapon.period * loops for unit in types]),
        range=column([unit.weapon.range for unit in types]),
        damage_point=column([unit.weapon.damage_point * loops for unit in types]),
        backswing=column([unit.weapon.backswing * loops for unit in types]),
        state_cooldown=column([unit.state_cooldown for unit in types]),
        type_slot=np.zeros(len(types), dtype=np.int64),
    )


def make_rules(record: MapRecord) -> Rules:
    """Express the constants of combat in game loops."""
    constants = combat_constants()
    loops = constants.loops_per_second
    return Rules(
        loops=constants.loops_per_env_step,
        minimum_damage=float(constants.minimum_damage),
        delay_low=constants.weapon_delay[0] * loops,
        delay_high=constants.weapon_delay[1] * loops,
        scan_range=float(constants.minimum_scan_range),
        slop=float(constants.range_slop),
        leash=float(constants.acquire_leash),
        help_radius=float(constants.call_for_help_radius),
        help_period=float(constants.call_for_help_period * loops),
        attack_x=float(record.attack_x),
        attack_y=float(record.attack_y),
        walkable=record.walkable,
    )


def make_units(battles: int, units: int) -> Units:
    """Allocate the units of a batch of battles."""
    flags, numbers = {"attacking", "arrived"}, {"order", "target"}
    return Units(
        *(
            np.zeros((battles, units), np.bool_ if name in flags else np.int64 if name in numbers else np.float64)
            for name in Units._fields
        )
    )


def make_ledger(battles: int, agents: int, enemies: int) -> Ledger:
    """Allocate what is remembered of a batch of battles."""
    return Ledger(
        last_action=np.full((battles, agents), NOBODY, dtype=np.int64),
        steps=np.zeros(battles, dtype=np.int64),
        over=np.zeros(battles, dtype=np.bool_),
        random=np.zeros(battles, dtype=np.uint64),
        hits=np.zeros((battles, agents, enemies), dtype=np.bool_),
        health_before=np.zeros((battles, agents + enemies), dtype=np.float64),
    )
