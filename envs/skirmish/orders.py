"""What units are told to do: the agents' actions, and how enemies on their attack-move pick targets."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from envs.skirmish.arrays import ATTACK, IDLE, MOVE, NOBODY, Rules, Stats, Units
from envs.skirmish.compile import kernel
from envs.skirmish.interface import EAST, NO_OP, NORTH, SOUTH, STOP
from envs.skirmish.layout import ACTIONS_BEFORE_ATTACKS
from envs.skirmish.randomness import draw

MOVE_AMOUNT = 2.0  # SMAC's move_amount: how far a move order goes


@kernel
def gap(stats: Stats, units: Units, b: int, u: int, v: int) -> float:
    """Distance between two units from edge to edge."""
    dx, dy = units.x[b, v] - units.x[b, u], units.y[b, v] - units.y[b, u]
    return sqrt(dx * dx + dy * dy) - stats.radius[u] - stats.radius[v]


@kernel
def give_order(units: Units, n_agents: int, b: int, agent: int, action: int) -> None:
    """Carry an agent's action out as an order (get_agent_action); repeating an attack changes nothing."""
    if action == NO_OP:
        return
    if action >= ACTIONS_BEFORE_ATTACKS:
        target = n_agents + action - ACTIONS_BEFORE_ATTACKS
        if units.order[b, agent] == ATTACK and units.target[b, agent] == target:
            return
        break_off(units, b, agent)
        units.backswing[b, agent] = 0.0
        units.order[b, agent] = ATTACK
        units.target[b, agent] = target
        return
    break_off(units, b, agent)
    units.backswing[b, agent] = 0.0
    units.target[b, agent] = NOBODY
    if action == STOP:
        units.order[b, agent] = IDLE
        return
    units.order[b, agent] = MOVE
    goal_x, goal_y = units.x[b, agent], units.y[b, agent]
    if action == NORTH:
        goal_y += MOVE_AMOUNT
    elif action == SOUTH:
        goal_y -= MOVE_AMOUNT
    elif action == EAST:
        goal_x += MOVE_AMOUNT
    else:
        goal_x -= MOVE_AMOUNT
    units.goal_x[b, agent], units.goal_y[b, agent] = goal_x, goal_y


@kernel
def break_off(units: Units, b: int, u: int) -> None:
    """Cancel the attack in progress, if any; a weapon that has not hit is ready again at once."""
    if units.attacking[b, u]:
        units.attacking[b, u] = False
        units.cooldown[b, u] = 0.0


@kernel
def choose_target(
    rules: Rules, stats: Stats, units: Units, random: NDArray[np.uint64], n_agents: int, b: int, u: int
) -> int:
    """Return whom enemy u is after, NOBODY when nobody is near.

    A target is kept while it lives and the enemy is not led further than the leash from where it took it. One that
    has left the weapon's range gives way to another within it.
    """
    target = units.target[b, u]
    if target != NOBODY:
        dx, dy = units.x[b, u] - units.leash_x[b, u], units.y[b, u] - units.leash_y[b, u]
        if units.health[b, target] <= 0.0 or dx * dx + dy * dy > rules.leash * rules.leash:
            target = NOBODY
    if target != NOBODY and gap(stats, units, b, u, target) <= stats.range[u]:
        return target
    reach = stats.range[u] if target != NOBODY else max(stats.range[u], rules.scan_range)
    nearest = _nearest_agent(stats, units, random, n_agents, b, u, reach)
    return nearest if nearest != NOBODY else target


@kernel
def _nearest_agent(
    stats: Stats, units: Units, random: NDArray[np.uint64], n_agents: int, b: int, u: int, reach: float
) -> int:
    """Return the living agent nearest to enemy u within reach (edge to edge); equals are drawn for."""
    nearest, best, equals = NOBODY, reach, 1
    for agent in range(n_agents):
        if units.health[b, agent] <= 0.0:
            continue
        distance = gap(stats, units, b, u, agent)
        if distance > best:
            continue
        if nearest != NOBODY and distance == best:
            equals += 1
            if draw(random, b) * equals >= 1.0:
                continue
        else:
            equals = 1
        nearest, best = agent, distance
    return nearest


@kernel
def take_target(units: Units, b: int, u: int, target: int) -> None:
    """Let enemy u go for a target (or NOBODY), remembering where it stands for the leash."""
    if target == units.target[b, u]:
        return
    break_off(units, b, u)
    units.target[b, u] = target
    units.arrived[b, u] = False
    units.leash_x[b, u], units.leash_y[b, u] = units.x[b, u], units.y[b, u]


@kernel
def call_for_help(rules: Rules, stats: Stats, units: Units, n_agents: int, b: int, victim: int, attacker: int) -> None:
    """Let an attacked enemy, and the enemies near it that have no target, go for the attacker."""
    if units.help[b, victim] > 0.0:
        return
    units.help[b, victim] = rules.help_period
    for u in range(n_agents, units.x.shape[1]):
        if units.health[b, u] > 0.0 and units.target[b, u] == NOBODY:
            dx, dy = units.x[b, u] - units.x[b, victim], units.y[b, u] - units.y[b, victim]
            if dx * dx + dy * dy <= rules.help_radius * rules.help_radius:
                take_target(units, b, u, attacker)
