"""The orders that the agents' actions give to their units."""

from __future__ import annotations

from fedqmix.envs.skirmish.arrays import ATTACK_MOVE, IDLE, MOVE, NO_UNIT, TARGET, Records, Unit
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.interface import EAST, NO_OP, NORTH, SOUTH, STOP
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.smacv2.sight import can_reach
from fedqmix.envs.skirmish.smacv2.vision import ACTIONS_BEFORE_TURNS

MOVE_AMOUNT = 2.0  # cells of a move order: SMAC's move_amount


@inner
def give_order(scene: Scene, units: Records, b: int, agent: int, action: int) -> None:
    """Turn an agent's action into an order to its unit (get_agent_action).

    A repeated order to attack or heal changes nothing. Neither does an order that the unit cannot execute, such as an
    attack on a flying unit by a weapon for ground units, or on one out of range where the mask allows that. A turn of
    the view leaves the order as it is.
    """
    unit = units[b, agent]
    if unit.absent:
        return
    unit.last_action = action
    if action == NO_OP:
        return
    if ACTIONS_BEFORE_TURNS <= action < scene.vision.first_target:
        unit.facing = action - ACTIONS_BEFORE_TURNS
        return
    target = NO_UNIT
    if action >= scene.vision.first_target:
        if scene.kinds[unit.kind].heal_rate == 0.0:
            target = action - scene.vision.first_target + scene.n_agents
        else:
            target = action - scene.vision.first_patient
        if not can_act_on(scene, unit, units[b, target]) or (unit.order == TARGET and unit.target == target):
            return
    break_off(unit)
    unit.recovered_at = 0.0
    unit.target = target
    if target != NO_UNIT:
        unit.order = TARGET
    elif action == STOP:
        unit.order = IDLE
    else:
        order_move(unit, action)


@inner
def can_act_on(scene: Scene, unit: Unit, target: Unit) -> bool:
    """Return whether a unit can execute an agent's order to attack or heal a target."""
    if scene.kinds[unit.kind].heal_rate == 0.0 and scene.damage[unit.kind, target.kind] < 0.0:
        return False
    return scene.vision.action_mask or can_reach(scene.vision, unit, target)


@inner
def order_move(unit: Unit, action: int) -> None:
    """Order a unit to move in the direction of an action."""
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


@inner
def stand_guard(unit: Unit) -> None:
    """Let an enemy stay where it is and attack agents that come near, which is what one without an order does."""
    unit.order = ATTACK_MOVE
    unit.target = NO_UNIT
    unit.arrived = True
    unit.scan_at = 0.0
    unit.goal_x, unit.goal_y = unit.x, unit.y
