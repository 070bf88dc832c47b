"""One game loop of fighting: everybody decides on the same picture, then all damage of the loop is dealt at once."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from contracts.world import Bools, Integers
from envs.skirmish.arrays import ATTACK, ATTACK_MOVE, IDLE, MOVE, NOBODY, Doubles, Rules, Stats, Units
from envs.skirmish.compile import kernel
from envs.skirmish.orders import break_off, call_for_help, choose_target, gap, take_target
from envs.skirmish.randomness import draw

NEAR = 0.05  # cells; who is this close to a destination is there


@kernel
def decide(
    rules: Rules,
    stats: Stats,
    units: Units,
    random: NDArray[np.uint64],
    n_agents: int,
    b: int,
    walk_x: Doubles,
    walk_y: Doubles,
    strikes: Integers,
) -> bool:
    """Let every unit of battle b decide what to do in this loop.

    Writes walk_x, walk_y [units] (how far each wants to walk) and strikes [units] (whom its attack hits now, or
    NOBODY); returns whether any attack hits. Positions and health stay as they are.
    """
    any_strike = False
    for u in range(units.x.shape[1]):
        walk_x[u] = walk_y[u] = 0.0
        strikes[u] = NOBODY
        if units.health[b, u] <= 0.0:
            continue
        units.cooldown[b, u] = max(units.cooldown[b, u] - 1.0, -1.0)
        units.help[b, u] -= 1.0
        if u >= n_agents:
            take_target(units, b, u, choose_target(rules, stats, units, random, n_agents, b, u))
        elif units.order[b, u] == ATTACK and units.health[b, units.target[b, u]] <= 0.0:
            break_off(units, b, u)
            units.order[b, u] = IDLE
            units.target[b, u] = NOBODY
        if units.target[b, u] != NOBODY:
            _fight(rules, stats, units, random, b, u, walk_x, walk_y, strikes)
            any_strike |= strikes[u] != NOBODY
        elif units.order[b, u] == MOVE:
            if not _walk(units, stats, b, u, units.goal_x[b, u], units.goal_y[b, u], walk_x, walk_y):
                units.order[b, u] = IDLE
        elif units.order[b, u] == ATTACK_MOVE and not units.arrived[b, u]:
            if units.backswing[b, u] > 0.0:
                units.backswing[b, u] -= 1.0
            elif not _walk(units, stats, b, u, rules.attack_x, rules.attack_y, walk_x, walk_y):
                units.arrived[b, u] = True
    return any_strike


@kernel
def _fight(
    rules: Rules,
    stats: Stats,
    units: Units,
    random: NDArray[np.uint64],
    b: int,
    u: int,
    walk_x: Doubles,
    walk_y: Doubles,
    strikes: Integers,
) -> None:
    """Hit, recover, attack or chase: whatever unit u is up to with its target."""
    target = units.target[b, u]
    distance = gap(stats, units, b, u, target)
    if units.attacking[b, u]:
        units.windup[b, u] -= 1.0
        if units.windup[b, u] > 0.0:
            return
        if distance <= stats.range[u] + rules.slop:
            strikes[u] = target
            units.attacking[b, u] = False
            units.backswing[b, u] = stats.backswing[u]
            return
        break_off(units, b, u)
    recovering = units.backswing[b, u] > 0.0
    units.backswing[b, u] -= 1.0
    if distance <= stats.range[u]:
        if units.cooldown[b, u] <= 0.0:
            delay = rules.delay_low + (rules.delay_high - rules.delay_low) * draw(random, b)
            # A weapon that has been ready for part of a loop keeps that part, else every period would be rounded up.
            late = units.cooldown[b, u] if units.cooldown[b, u] > -1.0 else 0.0
            units.cooldown[b, u] = late + stats.period[u] + delay
            units.windup[b, u] = stats.damage_point[u]
            units.attacking[b, u] = True
            units.backswing[b, u] = 0.0
    elif not recovering:
        _walk(units, stats, b, u, units.x[b, target], units.y[b, target], walk_x, walk_y)


@kernel
def _walk(
    units: Units, stats: Stats, b: int, u: int, goal_x: float, goal_y: float, walk_x: Doubles, walk_y: Doubles
) -> bool:
    """Head straight for a point for one loop; return False when the unit is there."""
    dx, dy = goal_x - units.x[b, u], goal_y - units.y[b, u]
    distance = sqrt(dx * dx + dy * dy)
    if distance <= NEAR:
        return False
    part = min(stats.speed[u] / distance, 1.0)
    walk_x[u], walk_y[u] = dx * part, dy * part
    return True


@kernel
def deal_damage(
    rules: Rules,
    stats: Stats,
    units: Units,
    n_agents: int,
    b: int,
    strikes: Integers,
    hits: Bools,
) -> None:
    """Deal the damage of all attacks that hit in this loop, and note which agent hit which enemy.

    Shields take damage first, without armour; what is left is lowered by armour, but never below the minimum.
    """
    for u in range(units.x.shape[1]):
        target = strikes[u]
        if target == NOBODY:
            continue
        absorbed = min(units.shield[b, target], stats.damage[u])
        units.shield[b, target] -= absorbed
        if stats.damage[u] > absorbed:
            units.health[b, target] -= max(stats.damage[u] - absorbed - stats.armour[target], rules.minimum_damage)
        if u < n_agents:
            hits[b, u, target - n_agents] = True
    for u in range(units.x.shape[1]):
        if strikes[u] != NOBODY and units.health[b, strikes[u]] <= 0.0:
            units.health[b, strikes[u]] = 0.0
            units.shield[b, strikes[u]] = 0.0
    for agent in range(n_agents):
        if strikes[agent] != NOBODY and units.health[b, strikes[agent]] > 0.0:
            call_for_help(rules, stats, units, n_agents, b, strikes[agent], agent)
