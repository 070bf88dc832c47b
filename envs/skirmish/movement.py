"""One game loop of walking: units keep apart and stay on ground that they can walk on.

All units walk. Then overlapping units are pushed apart; all pushes are computed before any unit is moved. So no unit
gains by its number.
"""

from __future__ import annotations

from math import sqrt

from fedqmix.envs.skirmish.arrays import ATTACK_MOVE, NO_UNIT, Battle, Records, Unit
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.terrain import Terrain, is_passable
from fedqmix.runtime.core.world import Floats64

ALLOWED_OVERLAP = 0.03  # cells; an overlap that causes no push
LONGEST_PUSH = 0.25  # cells per loop, so that a crowd cannot throw a unit far
SIDE_STEP = 0.5  # part of a push that leads around a standing unit

X, Y, RADIUS, NUMBER, STIRRED, PUSH_X, PUSH_Y, ARRIVES = range(8)
ROWS = 8
"""Rows of the scratch array of sorted units: a copy of the fields that pairs need, close together in memory."""


@inner
def move(scene: Scene, units: Records, battle: Battle, b: int, row: Floats64) -> None:
    """Move the units of battle b by their walks, then push overlapping units apart.

    row: [ROWS, units], scratch. A pair that did not overlap at the last check is checked again only after a move.
    """
    battle.crowded = False
    count = line_up(scene, units, b, row)
    for i in range(count):
        part(scene, units, battle, b, row, i, count)
    if battle.crowded:
        for i in range(count):
            give_way(scene, units, b, row, i)


@inner
def line_up(scene: Scene, units: Records, b: int, row: Floats64) -> int:
    """Walk all units and sort the living from west to east; return their number.

    row: [ROWS, units], one column per unit.
    The units' `row` keeps the order. In the next loop it is nearly right, and insertion sort compares each unit once.
    """
    count, dead = 0, units.shape[1]
    for k in range(units.shape[1]):
        number = units[b, k].row
        unit = units[b, number]
        if unit.health <= 0.0:
            dead -= 1
            row[NUMBER, dead] = number
            continue
        if unit.walk_x != 0.0 or unit.walk_y != 0.0:
            unit.stirred = True
            place(scene.terrain, scene.kinds[unit.kind].plane, unit, unit.walk_x, unit.walk_y)
        at = count
        while at > 0 and row[X, at - 1] > unit.x:
            row[X, at], row[NUMBER, at] = row[X, at - 1], row[NUMBER, at - 1]
            at -= 1
        row[X, at], row[NUMBER, at] = unit.x, number
        count += 1
    for k in range(units.shape[1]):
        number = int(row[NUMBER, k])
        units[b, k].row = number
        unit = units[b, number]
        row[Y, k] = unit.y
        row[RADIUS, k] = scene.kinds[unit.kind].separation_radius - ALLOWED_OVERLAP / 2
        row[STIRRED, k] = unit.stirred
        row[PUSH_X, k] = row[PUSH_Y, k] = row[ARRIVES, k] = 0.0
        unit.stirred = False
    return count


@inner
def part(scene: Scene, units: Records, battle: Battle, b: int, row: Floats64, i: int, count: int) -> None:
    """Push the i-th unit from the west and the units east of it apart where they overlap.

    A pair of which neither unit has moved is skipped.
    """
    x, y, radius, stirred = row[X, i], row[Y, i], row[RADIUS, i], row[STIRRED, i] > 0.0
    j = i + 1
    while j < count and row[X, j] - x < radius + scene.widest:
        dx, dy, reach = row[X, j] - x, row[Y, j] - y, row[RADIUS, j] + radius
        square = dx * dx + dy * dy
        if square < reach * reach and (stirred or row[STIRRED, j] > 0.0):
            one, other = units[b, int(row[NUMBER, i])], units[b, int(row[NUMBER, j])]
            if scene.kinds[one.kind].plane == scene.kinds[other.kind].plane:
                overlap = reach + ALLOWED_OVERLAP - sqrt(square)
                push_apart(scene, one, other, row, i, j, dx, dy, overlap)
                battle.crowded = True
        j += 1


@inner
def push_apart(
    scene: Scene, one: Unit, other: Unit, row: Floats64, i: int, j: int, dx: float, dy: float, overlap: float
) -> None:
    """Add the pushes that part an overlapping pair.

    Each unit gets half of the push. A unit that walks into a standing one gets all of it; an immobile unit gets none.
    dx, dy: from one to the other.
    """
    distance = sqrt(dx * dx + dy * dy)
    if distance < 1e-6:
        dx, dy, distance = 0.0, one.side_step * 1e-6, 1e-6
    push_x, push_y = dx / distance * overlap, dy / distance * overlap
    one_walks = one.walk_x != 0.0 or one.walk_y != 0.0
    other_walks = other.walk_x != 0.0 or other.walk_y != 0.0
    share = 0.5 if one_walks == other_walks else (1.0 if one_walks else 0.0)
    if scene.kinds[one.kind].speed == 0.0:
        share = 0.0
    elif scene.kinds[other.kind].speed == 0.0:
        share = 1.0
    row[PUSH_X, i] -= push_x * share
    row[PUSH_Y, i] -= push_y * share
    row[PUSH_X, j] += push_x * (1.0 - share)
    row[PUSH_Y, j] += push_y * (1.0 - share)
    if one_walks != other_walks:
        if one_walks:
            step_aside(one, row, i, push_x, push_y)
        else:
            step_aside(other, row, j, -push_x, -push_y)
    if one.arrived != other.arrived:
        arrive_together(one, other, row, i, j)


@inner
def step_aside(unit: Unit, row: Floats64, i: int, push_x: float, push_y: float) -> None:
    """Push a walking unit around a standing one, on the side of its walk or its drawn side."""
    turn = push_x * unit.walk_y - push_y * unit.walk_x
    side = unit.side_step
    if abs(turn) > 1e-3 * ALLOWED_OVERLAP:
        side = 1.0 if turn > 0.0 else -1.0
    row[PUSH_X, i] -= push_y * side * SIDE_STEP
    row[PUSH_Y, i] += push_x * side * SIDE_STEP


@inner
def arrive_together(one: Unit, other: Unit, row: Floats64, i: int, j: int) -> None:
    """Mark a unit as arrived that touches an arrived one with the same destination.

    A unit with a target is not marked.
    """
    if one.order != ATTACK_MOVE or other.order != ATTACK_MOVE or one.goal_x != other.goal_x:
        return
    if one.arrived and other.target == NO_UNIT:
        row[ARRIVES, j] = 1.0
    elif other.arrived and one.target == NO_UNIT:
        row[ARRIVES, i] = 1.0


@inner
def give_way(scene: Scene, units: Records, b: int, row: Floats64, i: int) -> None:
    """Move the i-th unit from the west by its push."""
    if row[ARRIVES, i] > 0.0:
        units[b, int(row[NUMBER, i])].arrived = True
    push_x, push_y = row[PUSH_X, i], row[PUSH_Y, i]
    square = push_x * push_x + push_y * push_y
    if square == 0.0:
        return
    unit = units[b, int(row[NUMBER, i])]
    unit.stirred = True
    if square > LONGEST_PUSH * LONGEST_PUSH:
        shorter = LONGEST_PUSH / sqrt(square)
        push_x, push_y = push_x * shorter, push_y * shorter
    place(scene.terrain, scene.kinds[unit.kind].plane, unit, push_x, push_y)


@inner
def place(terrain: Terrain, plane: int, unit: Unit, dx: float, dy: float) -> None:
    """Move a unit by (dx, dy); at a wall it slides along the wall, or stays."""
    x, y = unit.x + dx, unit.y + dy
    if is_passable(terrain, plane, x, y):
        unit.x, unit.y = x, y
    elif is_passable(terrain, plane, x, unit.y):
        unit.x = x
    elif is_passable(terrain, plane, unit.x, y):
        unit.y = y
