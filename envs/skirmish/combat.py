"""One game loop of fighting: everybody decides on the same picture, then all damage of the loop is dealt at once."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from contracts.world import Bools
from envs.skirmish.arrays import ATTACK, ATTACK_MOVE, IDLE, MOVE, NOBODY, Battle, Records, Unit
from envs.skirmish.compile import kernel
from envs.skirmish.orders import break_off, call_for_help, gap, list_agents, pursue
from envs.skirmish.randomness import draw
from envs.skirmish.rules import Rules

NEAR = 0.05  # cells; who is this close to a destination is there


@kernel
def decide(
    rules: Rules, units: Records, battle: Battle, n_agents: int, b: int, places: NDArray[np.float64]
) -> tuple[bool, bool]:
    """Let every unit of battle b decide what to do in this loop: units' walk_x, walk_y and strikes.

    Nobody's position or health changes here. places [4, units] is scratch. Returns whether anybody walks, and whether
    anybody's attack hits.
    """
    walking = striking = False
    list_agents(units, n_agents, b, places)
    for u in range(units.shape[1]):
        unit = units[b, u]
        unit.walk_x = unit.walk_y = 0.0
        unit.strikes = NOBODY
        if unit.health <= 0.0:
            continue
        unit.cooldown = max(unit.cooldown - 1.0, -1.0)
        if u >= n_agents:
            unit.help -= 1.0
            pursue(rules, units, battle, n_agents, b, u, places)
        elif unit.order == ATTACK and units[b, unit.target].health <= 0.0:
            break_off(unit)
            unit.order = IDLE
            unit.target = NOBODY
        if unit.target != NOBODY:
            fight(rules, unit, units[b, unit.target], battle)
        else:
            carry_on(unit)
        walking |= unit.walk_x != 0.0 or unit.walk_y != 0.0
        striking |= unit.strikes != NOBODY
    return walking, striking


@kernel
def fight(rules: Rules, unit: Unit, target: Unit, battle: Battle) -> None:
    """Hit, recover, attack or chase: whatever a unit is up to with its target."""
    distance = gap(unit, target)
    if unit.attacking:
        unit.windup -= 1.0
        if unit.windup > 0.0:
            return
        if distance <= unit.range + rules.slop:
            unit.strikes = unit.target
            unit.attacking = False
            unit.backswing = unit.recovery
            return
        break_off(unit)
    recovering = unit.backswing > 0.0
    unit.backswing -= 1.0
    if distance <= unit.range:
        if unit.cooldown <= 0.0:
            # A weapon that has been ready for part of a loop keeps that part, else every period would be rounded up.
            late = unit.cooldown if unit.cooldown > -1.0 else 0.0
            delay = rules.delay_low + (rules.delay_high - rules.delay_low) * draw(battle)
            unit.cooldown = late + unit.period + delay
            unit.windup = unit.damage_point
            unit.attacking = True
            unit.backswing = 0.0
    elif not recovering:
        walk(unit, target.x, target.y)


@kernel
def carry_on(unit: Unit) -> None:
    """Move or attack-move of a unit that has no target; an attack-move first recovers from its last attack."""
    if unit.order == MOVE:
        if not walk(unit, unit.goal_x, unit.goal_y):
            unit.order = IDLE
    elif unit.order == ATTACK_MOVE and not unit.arrived:
        if unit.backswing > 0.0:
            unit.backswing -= 1.0
        elif not walk(unit, unit.goal_x, unit.goal_y):
            unit.arrived = True


@kernel
def walk(unit: Unit, goal_x: float, goal_y: float) -> bool:
    """Head straight for a point for one loop; return False when the unit is there."""
    dx, dy = goal_x - unit.x, goal_y - unit.y
    distance = sqrt(dx * dx + dy * dy)
    if distance <= NEAR:
        return False
    part = min(unit.speed / distance, 1.0)
    unit.walk_x, unit.walk_y = dx * part, dy * part
    return True


@kernel
def deal_damage(rules: Rules, units: Records, hits: Bools, n_agents: int, b: int) -> None:
    """Deal the damage of all attacks that hit in this loop; note in hits[b, agent, enemy] who hit whom.

    Shields take damage first, without armour; what is left is lowered by armour, but never below the minimum.
    """
    for u in range(units.shape[1]):
        unit = units[b, u]
        if unit.strikes == NOBODY:
            continue
        target = units[b, unit.strikes]
        absorbed = min(target.shield, unit.damage)
        target.shield -= absorbed
        if unit.damage > absorbed:
            target.health -= max(unit.damage - absorbed - target.armour, rules.minimum_damage)
        if u < n_agents:
            hits[b, u, unit.strikes - n_agents] = True
    for u in range(units.shape[1]):
        unit = units[b, u]
        unit.health = max(unit.health, 0.0)
        if unit.health <= 0.0:
            unit.shield = 0.0
    for agent in range(n_agents):
        victim = units[b, agent].strikes
        if victim != NOBODY and units[b, victim].health > 0.0:
            call_for_help(rules, units, n_agents, b, victim, agent)
