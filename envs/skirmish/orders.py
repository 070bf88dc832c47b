"""What units are told to do: the agents' actions, and how enemies on their attack-move pick targets."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from envs.skirmish.arrays import ATTACK, IDLE, MOVE, NOBODY, Battle, Records, Unit
from envs.skirmish.compile import kernel
from envs.skirmish.interface import EAST, NO_OP, NORTH, SOUTH, STOP
from envs.skirmish.layout import ACTIONS_BEFORE_ATTACKS
from envs.skirmish.randomness import draw
from envs.skirmish.rules import Rules

MOVE_AMOUNT = 2.0  # SMAC's move_amount: how far a move order goes


@kernel
def gap(one: Unit, other: Unit) -> float:
    """Distance between two units from edge to edge."""
    dx, dy = other.x - one.x, other.y - one.y
    return sqrt(dx * dx + dy * dy) - one.radius - other.radius


@kernel
def give_order(unit: Unit, n_agents: int, action: int) -> None:
    """Carry an agent's action out as an order (get_agent_action); repeating an attack changes nothing."""
    unit.last_action = action
    if action == NO_OP:
        return
    target = n_agents + action - ACTIONS_BEFORE_ATTACKS if action >= ACTIONS_BEFORE_ATTACKS else NOBODY
    if target != NOBODY and unit.order == ATTACK and unit.target == target:
        return
    break_off(unit)
    unit.backswing = 0.0
    unit.target = target
    if target != NOBODY:
        unit.order = ATTACK
    elif action == STOP:
        unit.order = IDLE
    else:
        unit.order = MOVE
        unit.goal_x, unit.goal_y = unit.x, unit.y
        if action == NORTH:
            unit.goal_y += MOVE_AMOUNT
        elif action == SOUTH:
            unit.goal_y -= MOVE_AMOUNT
        elif action == EAST:
            unit.goal_x += MOVE_AMOUNT
        else:
            unit.goal_x -= MOVE_AMOUNT


@kernel
def break_off(unit: Unit) -> None:
    """Cancel the attack in progress, if any; a weapon that has not hit is ready again at once."""
    if unit.attacking:
        unit.attacking = False
        unit.cooldown = 0.0


@kernel
def pursue(
    rules: Rules, units: Records, battle: Battle, n_agents: int, b: int, u: int, places: NDArray[np.float64]
) -> None:
    """Let enemy u keep, change, lose or take its target.

    A target is kept while it lives and the enemy is not led further than the leash from where it took it. One that
    has left the weapon's range gives way to another within it. places: see list_agents.
    """
    unit = units[b, u]
    target = unit.target
    if target != NOBODY:
        dx, dy = unit.x - unit.leash_x, unit.y - unit.leash_y
        if units[b, target].health <= 0.0 or dx * dx + dy * dy > rules.leash * rules.leash:
            target = NOBODY
    if target == NOBODY:
        target = nearest_agent(units, battle, n_agents, b, u, max(unit.range, rules.scan_range), places)
    elif not unit.attacking and gap(unit, units[b, target]) > unit.range:
        other = nearest_agent(units, battle, n_agents, b, u, unit.range, places)
        target = target if other == NOBODY else other
    if target != unit.target:
        take_target(unit, target)


@kernel
def nearest_agent(
    units: Records, battle: Battle, n_agents: int, b: int, u: int, reach: float, places: NDArray[np.float64]
) -> int:
    """Return the living agent nearest to enemy u within reach (edge to edge), or NOBODY; equals are drawn for."""
    unit = units[b, u]
    nearest, best, equals = NOBODY, reach, 1
    if count_near(places[0], places[1], places[2], n_agents, unit.x, unit.y, reach + unit.radius) == 0:
        return NOBODY
    for agent in range(n_agents):
        other = units[b, agent]
        if other.health <= 0.0:
            continue
        distance = gap(unit, other)
        if distance > best:
            continue
        if nearest != NOBODY and distance == best:
            equals += 1
            if draw(battle) * equals >= 1.0:
                continue
        else:
            equals = 1
        nearest, best = agent, distance
    return nearest


@kernel
def list_agents(units: Records, n_agents: int, b: int, places: NDArray[np.float64]) -> None:
    """Fill the first rows of places with the agents' x, y and radius; a radius below 0 marks the dead."""
    for agent in range(n_agents):
        unit = units[b, agent]
        places[0, agent], places[1, agent] = unit.x, unit.y
        places[2, agent] = unit.radius if unit.health > 0.0 else -1e6


@kernel
def count_near(
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
    radii: NDArray[np.float64],
    count: int,
    x: float,
    y: float,
    reach: float,
) -> int:
    """Count those about within reach: most often nobody, which is found out several at a time (see count_overlaps)."""
    near = 0
    for j in range(np.uint64(count)):
        dx, dy, together = xs[j] - x, ys[j] - y, max(radii[j] + reach + 1e-6, 0.0)
        near += dx * dx + dy * dy < together * together
    return near


@kernel
def take_target(unit: Unit, target: int) -> None:
    """Let an enemy go for a target (or NOBODY), remembering where it stands for the leash."""
    break_off(unit)
    unit.target = target
    unit.arrived = False
    unit.leash_x, unit.leash_y = unit.x, unit.y


@kernel
def call_for_help(rules: Rules, units: Records, n_agents: int, b: int, victim: int, attacker: int) -> None:
    """Let an attacked enemy, and the enemies near it that have no target, go for the attacker."""
    caller = units[b, victim]
    if caller.help > 0.0:
        return
    caller.help = rules.help_period
    for u in range(n_agents, units.shape[1]):
        unit = units[b, u]
        if unit.health > 0.0 and unit.target == NOBODY:
            dx, dy = unit.x - caller.x, unit.y - caller.y
            if dx * dx + dy * dy <= rules.help_radius * rules.help_radius:
                take_target(unit, attacker)
