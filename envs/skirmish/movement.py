"""One game loop of walking: units keep apart and stay on walkable ground.

Everybody is moved from the same picture: all walk, then everybody is pushed out of whom it overlaps, all pushes
measured at the places walked to. So no unit gains by its number.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from contracts.world import Bools
from envs.skirmish.arrays import NOBODY, Doubles, Stats, Units
from envs.skirmish.compile import kernel
from envs.skirmish.interface import is_walkable
from envs.skirmish.randomness import draw

LONGEST_PUSH = 0.25  # cells a loop, so that a crowd cannot throw anybody far
SIDE_STEP = 0.5  # part of a push that leads around somebody who stands


@kernel
def move(
    walkable: Bools,
    stats: Stats,
    units: Units,
    random: NDArray[np.uint64],
    n_agents: int,
    b: int,
    walk_x: Doubles,
    walk_y: Doubles,
    push_x: Doubles,
    push_y: Doubles,
    living: NDArray[np.int64],
) -> None:
    """Move the units of battle b by walk_x, walk_y [units] and apart; push_x, push_y, living [units] are scratch."""
    count = 0
    for u in range(units.x.shape[1]):
        if units.health[b, u] > 0.0:
            living[count] = u
            count += 1
            push_x[u] = push_y[u] = 0.0
    for i in range(count):
        u = living[i]
        at_x, at_y = units.x[b, u] + walk_x[u], units.y[b, u] + walk_y[u]
        for j in range(i + 1, count):
            v = living[j]
            dx = units.x[b, v] + walk_x[v] - at_x
            dy = units.y[b, v] + walk_y[v] - at_y
            reach = stats.separation_radius[u] + stats.separation_radius[v]
            if dx * dx + dy * dy < reach * reach:
                _push_apart(units, random, b, u, v, dx, dy, reach, walk_x, walk_y, push_x, push_y)
                if u >= n_agents:
                    _arrive_together(units, b, u, v)
    for i in range(count):
        u = living[i]
        _place(walkable, units, b, u, walk_x[u], walk_y[u], push_x[u], push_y[u])


@kernel
def _push_apart(
    units: Units,
    random: NDArray[np.uint64],
    b: int,
    u: int,
    v: int,
    dx: float,
    dy: float,
    reach: float,
    walk_x: Doubles,
    walk_y: Doubles,
    push_x: Doubles,
    push_y: Doubles,
) -> None:
    """Add the pushes that part an overlapping pair: half each, or all to the one that walks into one that stands."""
    distance = sqrt(dx * dx + dy * dy)
    if distance < 1e-9:
        dx, dy = 0.0, (1e-9 if draw(random, b) < 0.5 else -1e-9)
        distance = 1e-9
    dx, dy = dx / distance, dy / distance
    overlap = reach - distance
    u_walks = walk_x[u] != 0.0 or walk_y[u] != 0.0
    v_walks = walk_x[v] != 0.0 or walk_y[v] != 0.0
    share = 0.5 if u_walks == v_walks else (1.0 if u_walks else 0.0)
    push_x[u] -= dx * overlap * share
    push_y[u] -= dy * overlap * share
    push_x[v] += dx * overlap * (1.0 - share)
    push_y[v] += dy * overlap * (1.0 - share)
    if u_walks and not v_walks:
        _step_aside(units, b, u, dx, dy, overlap, walk_x, walk_y, push_x, push_y)
    elif v_walks and not u_walks:
        _step_aside(units, b, v, -dx, -dy, overlap, walk_x, walk_y, push_x, push_y)


@kernel
def _step_aside(
    units: Units,
    b: int,
    u: int,
    dx: float,
    dy: float,
    overlap: float,
    walk_x: Doubles,
    walk_y: Doubles,
    push_x: Doubles,
    push_y: Doubles,
) -> None:
    """Lead a walker around somebody standing in direction (dx, dy): on its own way's side, else on its drawn side."""
    turn = dx * walk_y[u] - dy * walk_x[u]
    side = units.side_step[b, u]
    if abs(turn) > 1e-3:
        side = 1.0 if turn > 0.0 else -1.0
    push_x[u] -= dy * side * overlap * SIDE_STEP
    push_y[u] += dx * side * overlap * SIDE_STEP


@kernel
def _arrive_together(units: Units, b: int, u: int, v: int) -> None:
    """Let an enemy that touches one already at their common destination count as arrived, too."""
    if units.arrived[b, u] and units.target[b, v] == NOBODY:
        units.arrived[b, v] = True
    elif units.arrived[b, v] and units.target[b, u] == NOBODY:
        units.arrived[b, u] = True


@kernel
def _place(
    walkable: Bools, units: Units, b: int, u: int, walk_x: float, walk_y: float, push_x: float, push_y: float
) -> None:
    """Put a unit where walking and pushes lead; at a wall it slides along, and where it cannot it stays."""
    length = sqrt(push_x * push_x + push_y * push_y)
    if length > LONGEST_PUSH:
        push_x, push_y = push_x * LONGEST_PUSH / length, push_y * LONGEST_PUSH / length
    x, y = units.x[b, u], units.y[b, u]
    to_x, to_y = x + walk_x + push_x, y + walk_y + push_y
    if to_x == x and to_y == y:
        return
    if _is_ground(walkable, to_x, to_y):
        units.x[b, u], units.y[b, u] = to_x, to_y
    elif _is_ground(walkable, to_x, y):
        units.x[b, u] = to_x
    elif _is_ground(walkable, x, to_y):
        units.y[b, u] = to_y


@kernel
def _is_ground(walkable: Bools, x: float, y: float) -> bool:
    """Tell whether a unit can stand here; unlike the interface's test this one does not take -0.5 for cell 0."""
    return x >= 0.0 and y >= 0.0 and is_walkable(walkable, x, y)
