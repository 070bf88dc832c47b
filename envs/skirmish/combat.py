"""The units' decisions in one game loop, all from the same places and health."""

from __future__ import annotations

from math import sqrt

from fedqmix.envs.skirmish.arrays import ATTACK_MOVE, IDLE, LINE, MOVE, NO_UNIT, TARGET, Kind, Records, Unit
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.orders import break_off, stand_guard
from fedqmix.envs.skirmish.randomness import draw
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.targets import is_wounded, list_units, pursue, reaches, seek_wounded
from fedqmix.envs.skirmish.terrain import heading
from fedqmix.runtime.core.world import Floats64

NEAR = 0.05  # cells; a unit this close to its destination has arrived

STAYS, CHASES, GOES = 0, 1, 2
"""A unit's walk in a loop: it stands; it follows its target; it walks to its order's destination."""

Way = tuple[int, float, float]
"""STAYS, CHASES or GOES, and the point to which the unit walks."""


@inner
def decide(scene: Scene, units: Records, b: int, now: float, places: Floats64) -> tuple[bool, bool]:
    """Decide the units' walks, shots and healing in this loop of battle b.

    now: game loops since the battle's beginning. places: [4, units], scratch.
    Returns whether any unit walks, and whether any hit lands or any unit heals.
    """
    walking = acting = False
    list_units(scene, units, b, places)
    for u in range(units.shape[1]):
        unit = units[b, u]
        if unit.health > 0.0:
            unit.walk_x = unit.walk_y = 0.0
            if scene.kinds[unit.kind].heal_rate > 0.0:
                way, goal_x, goal_y = tend(scene, units, b, u)
                acting |= unit.heals != NO_UNIT
            else:
                way, goal_x, goal_y = attack(scene, units, b, u, now, places)
            if way != STAYS:
                walk(scene, unit, way, goal_x, goal_y)
                walking |= unit.walk_x != 0.0 or unit.walk_y != 0.0
        acting |= unit.hits_left > 0 and now >= unit.hit_at
    return walking, acting


@inner
def attack(scene: Scene, units: Records, b: int, u: int, now: float, places: Floats64) -> Way:
    """Update an armed unit's target and attack, or carry on with its order; return its walk."""
    unit = units[b, u]
    if unit.order == ATTACK_MOVE:
        pursue(scene, units, b, u, now, places)
    elif unit.order == TARGET and units[b, unit.target].health <= 0.0:
        break_off(unit)
        unit.order = IDLE
        unit.target = NO_UNIT
        if u >= scene.n_agents:
            stand_guard(unit)
    if unit.target == NO_UNIT:
        return carry_on(scene, unit, now)
    target = units[b, unit.target]
    return fight(scene, unit, target, now), target.x, target.y


@inner
def fight(scene: Scene, unit: Unit, target: Unit, now: float) -> int:
    """Advance a unit's attack: shoot, recover, begin an attack or chase; return CHASES or STAYS."""
    kind = scene.kinds[unit.kind]
    if unit.attacking:
        if now < unit.shot_at:
            return STAYS
        dx, dy = target.x - unit.x, target.y - unit.y
        distance = sqrt(dx * dx + dy * dy)
        if distance <= scene.reach[unit.kind, target.kind] + kind.slop:
            shoot(kind, unit, target, distance, now)
            return STAYS
        break_off(unit)
    if reaches(scene, unit, target):
        if now >= unit.ready_at:
            # The part of a loop for which the weapon was ready counts, else every period would be rounded up.
            since = unit.ready_at if unit.ready_at > now - 1.0 else now
            delay = scene.rules.delay_low + (scene.rules.delay_high - scene.rules.delay_low) * draw(unit)
            unit.ready_at = since + kind.period + delay
            unit.shot_at = max(now + kind.damage_point, now + 1.0)
            unit.attacking = True
        return STAYS
    return CHASES if now >= unit.recovered_at else STAYS


@inner
def shoot(kind: Kind, unit: Unit, target: Unit, distance: float, now: float) -> None:
    """Shoot: schedule the hits of an attack. distance: to the target, from centre to centre."""
    unit.attacking = False
    unit.recovered_at = now + kind.recovery
    unit.acted_on = unit.hit_target = unit.target
    unit.hits_left = kind.hits
    unit.hit_at = now + kind.first_hit
    if kind.missile_speed > 0.0:
        unit.hit_at += distance / kind.missile_speed
    if kind.weapon == LINE:
        unit.line_x, unit.line_y = target.x, target.y
        length = max(distance, 1e-9)
        unit.line_dx, unit.line_dy = -(target.y - unit.y) / length, (target.x - unit.x) / length


@inner
def tend(scene: Scene, units: Records, b: int, u: int) -> Way:
    """Heal or follow a healer's target, or carry on with its order; return its walk."""
    unit = units[b, u]
    unit.heals = NO_UNIT
    if unit.order == ATTACK_MOVE:
        seek_wounded(scene, units, b, u)
    elif unit.order == TARGET and units[b, unit.target].health <= 0.0:
        unit.order = IDLE
        unit.target = NO_UNIT
    if unit.target == NO_UNIT:
        return carry_on(scene, unit, 0.0)
    target = units[b, unit.target]
    if not reaches(scene, unit, target):
        return CHASES, target.x, target.y
    if unit.energy > 0.0 and is_wounded(scene, target):
        unit.heals = unit.acted_on = unit.target
    return STAYS, unit.x, unit.y


@inner
def carry_on(scene: Scene, unit: Unit, now: float) -> Way:
    """Return the walk of a unit without a target.

    On an attack-move the unit first recovers from its last attack.
    """
    goes = unit.order == MOVE
    if unit.order == ATTACK_MOVE:
        goes = not unit.arrived and not scene.hunting and now >= unit.recovered_at
    return GOES if goes else STAYS, unit.goal_x, unit.goal_y


@inner
def walk(scene: Scene, unit: Unit, way: int, goal_x: float, goal_y: float) -> None:
    """Walk towards a point, around corners, for one loop; complete the order at its destination."""
    kind = scene.kinds[unit.kind]
    goal_x, goal_y = heading(scene.terrain, kind.plane, unit.x, unit.y, goal_x, goal_y)
    dx, dy = goal_x - unit.x, goal_y - unit.y
    square = dx * dx + dy * dy
    if square > NEAR * NEAR:
        part = min(kind.speed / sqrt(square), 1.0)
        unit.walk_x, unit.walk_y = dx * part, dy * part
    elif way == GOES:
        if unit.order == MOVE:
            unit.order = IDLE
        else:
            unit.arrived = True
