"""One game loop of walking: units keep apart and stay on ground they can walk on.

Everybody is moved from the same picture: all walk, then all are pushed out of whom they overlap, all pushes
measured before anybody gives way. So no unit gains by its number.
"""

from __future__ import annotations

from math import sqrt

from contracts.world import Floats64
from envs.skirmish.arrays import ATTACK_MOVE, NOBODY, Battle, Records, Unit
from envs.skirmish.compile import kernel
from envs.skirmish.scene import Scene
from envs.skirmish.terrain import Terrain, is_passable

ALLOWED_OVERLAP = 0.03  # cells; a touch that costs no push
LONGEST_PUSH = 0.125  # cells a loop, so that a crowd cannot throw anybody far
SIDE_STEP = 0.5  # part of a push that leads around somebody who stands


@kernel
def move(scene: Scene, units: Records, battle: Battle, b: int, places: Floats64) -> None:
    """Move the units of battle b by what they want to walk, then apart. places [5, units] is scratch.

    Two that have not moved since overlaps were last looked for, and did not overlap then, still do not.
    """
    battle.crowded = False
    count = line_up(scene, units, b, places)
    for i in range(count):
        part(scene, units, battle, b, places, i, count)
    for i in range(count):
        units[b, int(places[3, i])].stirred = False
    if battle.crowded:
        for i in range(count):
            give_way(scene, units[b, int(places[3, i])])


@kernel
def line_up(scene: Scene, units: Records, b: int, places: Floats64) -> int:
    """Let everybody walk, and list the living from west to east; count them.

    Fills the rows of places with x, y, separation radius, number, and 1 for those who have moved. The order is kept in
    units' `row`, so that the next time it is nearly right: insertion sort then takes one look at each.
    """
    count, dead = 0, units.shape[1]
    for k in range(units.shape[1]):
        number = units[b, k].row
        unit = units[b, number]
        if unit.health <= 0.0:
            dead -= 1
            places[3, dead] = number
            continue
        if has_walked(unit):
            unit.stirred = True
            place(scene.terrain, scene.kinds[unit.kind].plane, unit, unit.walk_x, unit.walk_y)
        at = count
        while at > 0 and places[0, at - 1] > unit.x:
            places[0, at], places[3, at] = places[0, at - 1], places[3, at - 1]
            at -= 1
        places[0, at], places[3, at] = unit.x, number
        count += 1
    for k in range(units.shape[1]):
        unit = units[b, int(places[3, k])]
        units[b, k].row = int(places[3, k])
        places[1, k] = unit.y
        places[2, k] = scene.kinds[unit.kind].separation_radius - ALLOWED_OVERLAP / 2
        places[4, k] = unit.stirred
    return count


@kernel
def part(scene: Scene, units: Records, battle: Battle, b: int, places: Floats64, i: int, count: int) -> None:
    """Push the i-th unit from the west and those east of it that it overlaps apart, unless neither has moved."""
    x, y, radius, moved = places[0, i], places[1, i], places[2, i], places[4, i] > 0.0
    j = i + 1
    while j < count and places[0, j] - x < radius + scene.widest:
        dx, dy, reach = places[0, j] - x, places[1, j] - y, places[2, j] + radius
        if dx * dx + dy * dy < reach * reach and (moved or places[4, j] > 0.0):
            one, other = units[b, int(places[3, i])], units[b, int(places[3, j])]
            if scene.kinds[one.kind].plane == scene.kinds[other.kind].plane:
                push_apart(scene, one, other, dx, dy)
                battle.crowded = True
        j += 1


@kernel
def has_walked(unit: Unit) -> bool:
    """Tell whether a unit walks in this loop."""
    return unit.walk_x != 0.0 or unit.walk_y != 0.0


@kernel
def push_apart(scene: Scene, one: Unit, other: Unit, dx: float, dy: float) -> None:
    """Add the pushes that part an overlapping pair: half each, or all to the one that walks into one that stands.

    dx, dy: from one to the other. Who cannot walk at all is not pushed.
    """
    square = dx * dx + dy * dy
    if square < 1e-12:
        dx, dy, square = 0.0, one.side_step * 1e-6, 1e-12
    distance = sqrt(square)
    one_kind, other_kind = scene.kinds[one.kind], scene.kinds[other.kind]
    overlap = one_kind.separation_radius + other_kind.separation_radius - distance
    dx, dy = dx / distance, dy / distance
    one_walks, other_walks = has_walked(one), has_walked(other)
    share = 0.5 if one_walks == other_walks else (1.0 if one_walks else 0.0)
    if one_kind.speed == 0.0 or other_kind.speed == 0.0:
        share = 1.0 if other_kind.speed == 0.0 else 0.0
    one.push_x -= dx * overlap * share
    one.push_y -= dy * overlap * share
    other.push_x += dx * overlap * (1.0 - share)
    other.push_y += dy * overlap * (1.0 - share)
    if one_walks and not other_walks:
        step_aside(one, dx, dy, overlap)
    elif other_walks and not one_walks:
        step_aside(other, -dx, -dy, overlap)
    arrive_together(one, other)


@kernel
def step_aside(unit: Unit, dx: float, dy: float, overlap: float) -> None:
    """Lead a walker around somebody standing in direction (dx, dy): on its own way's side, else on its drawn side."""
    turn = dx * unit.walk_y - dy * unit.walk_x
    side = unit.side_step
    if abs(turn) > 1e-3:
        side = 1.0 if turn > 0.0 else -1.0
    unit.push_x -= dy * side * overlap * SIDE_STEP
    unit.push_y += dx * side * overlap * SIDE_STEP


@kernel
def arrive_together(one: Unit, other: Unit) -> None:
    """Let a unit without a target that touches one already at their common destination count as arrived, too."""
    if one.order != ATTACK_MOVE or other.order != ATTACK_MOVE or one.goal_x != other.goal_x:
        return
    if one.arrived and other.target == NOBODY:
        other.arrived = True
    elif other.arrived and one.target == NOBODY:
        one.arrived = True


@kernel
def give_way(scene: Scene, unit: Unit) -> None:
    """Move a unit where it is pushed."""
    push_x, push_y = unit.push_x, unit.push_y
    square = push_x * push_x + push_y * push_y
    if square == 0.0:
        return
    unit.push_x = unit.push_y = 0.0
    unit.stirred = True
    if square > LONGEST_PUSH * LONGEST_PUSH:
        shorter = LONGEST_PUSH / sqrt(square)
        push_x, push_y = push_x * shorter, push_y * shorter
    place(scene.terrain, scene.kinds[unit.kind].plane, unit, push_x, push_y)


@kernel
def place(terrain: Terrain, plane: int, unit: Unit, dx: float, dy: float) -> None:
    """Move a unit by (dx, dy); at a wall it slides along, and where it cannot it stays."""
    x, y = unit.x + dx, unit.y + dy
    if is_passable(terrain, plane, x, y):
        unit.x, unit.y = x, y
    elif is_passable(terrain, plane, x, unit.y):
        unit.x = x
    elif is_passable(terrain, plane, unit.x, y):
        unit.y = y
