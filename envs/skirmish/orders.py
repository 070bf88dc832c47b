"""What units are told to do: the agents' actions, and how enemies on their attack-move pick targets."""

from __future__ import annotations

from math import sqrt

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
def pursue(rules: Rules, units: Records, battle: Battle, n_agents: int, b: int, u: int) -> None:
    """Let enemy u keep, change, lose or take its target.

    A target is kept while it lives and the enemy is not led further than the leash from where it took it. One that
    has left the weapon's range gives way to another within it.
    """
    unit = units[b, u]
    target = unit.target
    if target != NOBODY:
        dx, dy = unit.x - unit.leash_x, unit.y - unit.leash_y
        if units[b, target].health <= 0.0 or dx * dx + dy * dy > rules.leash * rules.leash:
            target = NOBODY
    if target == NOBODY:
        target = nearest_agent(units, battle, n_agents, b, u, max(unit.range, rules.scan_range))
    elif not unit.attacking and gap(unit, units[b, target]) > unit.range:
        other = nearest_agent(units, battle, n_agents, b, u, unit.range)
        target = target if other == NOBODY else other
    if target != unit.target:
        take_target(unit, target)


@kernel
def nearest_agent(units: Records, battle: Battle, n_agents: int, b: int, u: int, reach: float) -> int:
    """Return the living agent nearest to enemy u within reach (edge to edge), or NOBODY; equals are drawn for."""
    unit = units[b, u]
    nearest, best, equals = NOBODY, reach, 1
    for agent in range(n_agents):
        other = units[b, agent]
        if other.health <= 0.0:
            continue
        dx, dy = other.x - unit.x, other.y - unit.y
        furthest = best + unit.radius + other.radius
        if dx * dx + dy * dy > furthest * furthest:
            continue
        distance = gap(unit, other)
        if nearest != NOBODY and distance == best:
            equals += 1
            if draw(battle) * equals >= 1.0:
                continue
        else:
            equals = 1
        nearest, best = agent, distance
    return nearest


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
