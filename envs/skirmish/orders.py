"""The orders that the agents' actions give to their units."""

from __future__ import annotations

from fedqmix.envs.skirmish.arrays import IDLE, MOVE, NO_UNIT, TARGET, Records, Unit
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.interface import EAST, NO_OP, NORTH, SOUTH, STOP
from fedqmix.envs.skirmish.layout import ACTIONS_BEFORE_ATTACKS
from fedqmix.envs.skirmish.scene import Scene

MOVE_AMOUNT = 2.0  # cells of a move order: SMAC's move_amount


@inner
def give_order(scene: Scene, units: Records, b: int, agent: int, action: int) -> None:
    """Turn an agent's action into an order to its unit (get_agent_action).

    A repeated order to attack or heal changes nothing. Neither does an order that the unit cannot execute, such as an
    attack on a flying unit by a weapon for ground units.
    """
    unit = units[b, agent]
    unit.last_action = action
    if action == NO_OP:
        return
    target = NO_UNIT
    if action >= ACTIONS_BEFORE_ATTACKS:
        target = action - ACTIONS_BEFORE_ATTACKS
        if scene.kinds[unit.kind].heal_rate == 0.0:
            target += scene.n_agents
            if scene.damage[unit.kind, units[b, target].kind] < 0.0:
                return
        if unit.order == TARGET and unit.target == target:
            return
    break_off(unit)
    unit.recovered_at = 0.0
    unit.target = target
    if target != NO_UNIT:
        unit.order = TARGET
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


@inner
def break_off(unit: Unit) -> None:
    """Cancel the attack in progress, if any; a weapon that was not shot is ready again at once."""
    if unit.attacking:
        unit.attacking = False
        unit.ready_at = 0.0
