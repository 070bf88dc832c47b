"""One game loop of walking: units keep apart and stay on walkable ground.

Everybody is moved from the same picture: all walk, then all are pushed out of whom they overlap, all pushes of a pass
measured before anybody gives way. So no unit gains by its number.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from contracts.world import Bools
from envs.skirmish.arrays import ATTACK_MOVE, NOBODY, Battle, Records, Unit
from envs.skirmish.compile import kernel
from envs.skirmish.interface import is_walkable
from envs.skirmish.randomness import draw

PASSES = 3  # of pushing in a loop at most; one parts a pair, a crowd takes more
DEEP = 0.15  # cells; an overlap that calls for another pass
ALLOWED_OVERLAP = 0.03  # cells; a touch that costs no push
LONGEST_PUSH = 0.25  # cells a pass, so that a crowd cannot throw anybody far
SIDE_STEP = 0.5  # part of a push that leads around somebody who stands


@kernel
def move(walkable: Bools, units: Records, battle: Battle, b: int, places: NDArray[np.float64]) -> None:
    """Move the units of battle b by what they want to walk, then apart. places [4, units] is scratch."""
    for u in range(units.shape[1]):
        unit = units[b, u]
        if has_walked(unit):
            unit.stirred = True
            place(walkable, unit, unit.walk_x, unit.walk_y)
    for _ in range(PASSES):
        deepest = part(walkable, units, battle, b, places)
        battle.crowded = deepest > 0.0
        if deepest < DEEP:
            return


@kernel
def part(walkable: Bools, units: Records, battle: Battle, b: int, places: NDArray[np.float64]) -> float:
    """Push all overlapping units of battle b apart once; return the deepest overlap, 0 if there is none."""
    stirred, count = list_living(units, b, places)
    xs, ys, radii, numbers = places[0], places[1], places[2], places[3]
    deepest = 0.0
    for i in range(stirred):  # two that have not moved since the last look still do not overlap
        overlaps, j = count_overlaps(xs, ys, radii, i, count), i
        while overlaps > 0:
            j += 1
            dx, dy, reach = xs[j] - xs[i], ys[j] - ys[i], radii[j] + radii[i]
            if dx * dx + dy * dy < reach * reach:
                overlaps -= 1
                deep = push_apart(units[b, int(numbers[i])], units[b, int(numbers[j])], battle, dx, dy)
                deepest = max(deepest, deep)
    if deepest > 0.0:
        for i in range(count):
            give_way(walkable, units[b, int(numbers[i])])
    return deepest


@kernel
def list_living(units: Records, b: int, places: NDArray[np.float64]) -> tuple[int, int]:
    """Fill the rows of places with x, y, radius and number of the living, the stirred first; count both."""
    count = stirred = 0
    for moved in (True, False):
        for u in range(units.shape[1]):
            unit = units[b, u]
            if unit.stirred == moved and unit.health > 0.0:
                unit.push_x = unit.push_y = 0.0
                places[0, count], places[1, count] = unit.x, unit.y
                places[2, count], places[3, count] = unit.separation_radius - ALLOWED_OVERLAP / 2, u
                count += 1
        if moved:
            stirred = count
    for i in range(stirred):
        units[b, int(places[3, i])].stirred = False
    return stirred, count


@kernel
def has_walked(unit: Unit) -> bool:
    """Tell whether a unit walks in this loop."""
    return unit.walk_x != 0.0 or unit.walk_y != 0.0


@kernel
def count_overlaps(
    xs: NDArray[np.float64], ys: NDArray[np.float64], radii: NDArray[np.float64], i: int, count: int
) -> int:
    """Count the units after the i-th that overlap it: most often none, which is found out several at a time.

    The index is unsigned because a signed one might be negative, and the check for that stops vectorisation.
    """
    x, y, radius = xs[i], ys[i], radii[i]
    overlaps = 0
    for j in range(np.uint64(i + 1), np.uint64(count)):
        dx, dy, reach = xs[j] - x, ys[j] - y, radii[j] + radius
        overlaps += dx * dx + dy * dy < reach * reach
    return overlaps


@kernel
def push_apart(one: Unit, other: Unit, battle: Battle, dx: float, dy: float) -> float:
    """Add the pushes that part an overlapping pair: half each, or all to the one that walks into one that stands.

    dx, dy: from one to the other. Returns how deep they overlap.
    """
    distance = sqrt(dx * dx + dy * dy)
    if distance < 1e-9:
        distance = 1e-9
        dx, dy = 0.0, distance if draw(battle) < 0.5 else -distance
    dx, dy = dx / distance, dy / distance
    overlap = one.separation_radius + other.separation_radius - distance
    one_walks, other_walks = has_walked(one), has_walked(other)
    share = 0.5 if one_walks == other_walks else (1.0 if one_walks else 0.0)
    one.push_x -= dx * overlap * share
    one.push_y -= dy * overlap * share
    other.push_x += dx * overlap * (1.0 - share)
    other.push_y += dy * overlap * (1.0 - share)
    if one_walks and not other_walks:
        step_aside(one, dx, dy, overlap)
    elif other_walks and not one_walks:
        step_aside(other, -dx, -dy, overlap)
    arrive_together(one, other)
    return overlap


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
    """Let an enemy without a target that touches one already at their common destination count as arrived, too."""
    if one.order != ATTACK_MOVE or other.order != ATTACK_MOVE:
        return
    if one.arrived and other.target == NOBODY:
        other.arrived = True
    elif other.arrived and one.target == NOBODY:
        one.arrived = True


@kernel
def give_way(walkable: Bools, unit: Unit) -> None:
    """Move a unit where it is pushed."""
    push_x, push_y = unit.push_x, unit.push_y
    square = push_x * push_x + push_y * push_y
    if square == 0.0:
        return
    unit.stirred = True
    if square > LONGEST_PUSH * LONGEST_PUSH:
        shorter = LONGEST_PUSH / sqrt(square)
        push_x, push_y = push_x * shorter, push_y * shorter
    place(walkable, unit, push_x, push_y)


@kernel
def place(walkable: Bools, unit: Unit, dx: float, dy: float) -> None:
    """Move a unit by (dx, dy); at a wall it slides along, and where it cannot it stays."""
    x, y = unit.x + dx, unit.y + dy
    if is_ground(walkable, x, y):
        unit.x, unit.y = x, y
    elif is_ground(walkable, x, unit.y):
        unit.x = x
    elif is_ground(walkable, unit.x, y):
        unit.y = y


@kernel
def is_ground(walkable: Bools, x: float, y: float) -> bool:
    """Tell whether a unit can stand here; unlike the interface's test this one does not take -0.5 for cell 0."""
    return x >= 0.0 and y >= 0.0 and is_walkable(walkable, x, y)
