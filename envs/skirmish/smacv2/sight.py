"""The limits of SMACv2's agents: cones of sight, and enemies that must be discovered.

Each function names the method of SMACv2's StarCraft2Env whose rule it has. Those with `limits` do nothing where there
are none: the compiler then leaves out the rest of them.
"""

from __future__ import annotations

from math import atan, atan2, pi, sqrt

import numpy as np
from numpy import uintp as index

from fedqmix.envs.skirmish.arrays import NO_UNIT, Records, Unit
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.gathered import (
    DISTANCE,
    HEALTH,
    NEAR,
    NONE,
    ONE,
    ORDER,
    SEEN,
    SEEN_HEALTH,
    SEEN_SHIELD,
    SHIELD,
    TO_X,
    TO_Y,
    X,
    Y,
    look,
)
from fedqmix.envs.skirmish.smacv2.vision import Limits, Vision
from fedqmix.runtime.core.world import Floats
from fedqmix.runtime.kernels.splitmix import advance, fraction

LEAST_ANGLE = 1e-7  # EPS, by which the released code keeps a tangent finite


@inner
def see(vision: Vision, limits: Limits | None, units: Records, agent: int, b: int, scratch: Floats) -> None:
    """Write a living agent's view of all units to the rows from NEAR on: all around, or in its cone."""
    sight, shoot = vision.sight[units[b, agent].kind], vision.shoot[units[b, agent].kind]
    if limits is None:
        look(agent, units.shape[1], sight, shoot, scratch)
    elif limits.directions.shape[0] > 0:
        look_in_cone(limits, sight, shoot, units, agent, b, scratch)
    else:
        look(agent, units.shape[1], sight, shoot, scratch)


@inner
def in_cone(limits: Limits, facing: int, dx: float, dy: float) -> bool:
    """Return whether a point at (dx, dy) from an agent lies in its cone (is_position_in_cone, without the range).

    The released code compares arcs of tangents and moves the direction's x to the point's side. So a cone also sees a
    part of the other side: one that faces east or west sees both, and any other sees 15 degrees beyond the vertical.
    """
    x, y = limits.directions[facing, 0], limits.directions[facing, 1]
    half = pi / limits.directions.shape[0]
    if limits.quirk:
        if dx > 0.0:
            dx, x = max(dx, LEAST_ANGLE), max(x, LEAST_ANGLE)
        else:
            dx, x = min(dx, -LEAST_ANGLE), min(x, -LEAST_ANGLE)
        return bool(abs(atan(dy / dx) - atan(y / x)) < half)
    on_one_spot = dx == 0.0 and dy == 0.0
    return on_one_spot or bool(abs(atan2(x * dy - y * dx, x * dx + y * dy)) < half)


@inner
def can_reach(vision: Vision, unit: Unit, target: Unit) -> bool:
    """Return whether an agent's unit may attack or heal a target from its place (get_can_shoot)."""
    dx, dy = np.float32(target.x) - np.float32(unit.x), np.float32(target.y) - np.float32(unit.y)
    shoot = vision.shoot[unit.kind]
    return bool(dx * dx + dy * dy <= shoot * shoot) and is_in_view(vision.limits, unit.facing, float(dx), float(dy))


@inner
def is_in_view(limits: Limits | None, facing: int, dx: float, dy: float) -> bool:
    """Return whether an agent looks towards a point at (dx, dy) from it, at any distance."""
    if limits is None:
        return True
    return limits.directions.shape[0] == 0 or in_cone(limits, facing, dx, dy)


@inner
def look_in_cone(
    limits: Limits, sight: np.float32, shoot: np.float32, units: Records, agent: int, b: int, scratch: Floats
) -> None:
    """Write the rows of `gathered.look` for an agent that sees a cone (get_obs_agent with conic_fov)."""
    facing = units[b, agent].facing
    x, y = scratch[index(X + agent)], scratch[index(Y + agent)]
    for u in range(units.shape[1]):
        dx, dy = scratch[index(X + u)] - x, scratch[index(Y + u)] - y
        square = dx * dx + dy * dy
        within = in_cone(limits, facing, dx, dy)
        seen = ONE if within and square <= sight * sight else NONE
        scale = seen * np.float32(1.0 / sight)
        scratch[index(NEAR + u)] = ONE if within and square <= shoot * shoot else NONE
        scratch[index(SEEN + u)] = seen
        scratch[index(DISTANCE + u)] = sqrt(square) * scale
        scratch[index(TO_X + u)] = dx * scale
        scratch[index(TO_Y + u)] = dy * scale
        scratch[index(SEEN_HEALTH + u)] = scratch[index(HEALTH + u)] * seen
        scratch[index(SEEN_SHIELD + u)] = scratch[index(SHIELD + u)] * seen


@inner
def draw_sight(unit: Unit) -> float:
    """Draw a unit's next number for discoveries, uniform in [0, 1)."""
    state = advance(unit.sight_random)
    unit.sight_random = state
    return fraction(state)


@inner
def begin_claims(limits: Limits | None, n_agents: int, units: Records, b: int, scratch: Floats) -> None:
    """Release the claims of dead agents and on dead enemies; draw the order in which agents look (step, get_obs)."""
    if limits is not None and limits.claims:
        release(n_agents, units, b)
        for agent in range(n_agents):
            scratch[index(ORDER + agent)] = agent
        for last in range(n_agents - 1, 0, -1):
            other = int(draw_sight(units[b, last]) * (last + 1))
            moved = scratch[index(ORDER + last)]
            scratch[index(ORDER + last)] = scratch[index(ORDER + other)]
            scratch[index(ORDER + other)] = moved


@inner
def agent_in_turn(limits: Limits | None, turn: int, scratch: Floats) -> int:
    """Return the agent that looks at its turn; their order matters for claims alone."""
    if limits is None:
        return turn
    return int(scratch[index(ORDER + turn)]) if limits.claims else turn


@inner
def release(n_agents: int, units: Records, b: int) -> None:
    """Release the claims of dead agents and on dead enemies."""
    for u in range(n_agents, units.shape[1]):
        enemy = units[b, u]
        claimer = enemy.claimed_by
        if enemy.health <= 0.0 or (claimer != NO_UNIT and units[b, claimer].health <= 0.0):
            enemy.claimed_by = NO_UNIT
            enemy.granted = np.uint64(0)


@inner
def claim(
    vision: Vision, limits: Limits | None, n_agents: int, units: Records, agent: int, b: int, scratch: Floats
) -> None:
    """Let an agent discover the unclaimed enemies that it sees; hide those that it may not see (get_obs_agent).

    The released code hides too much: an enemy that is not granted, dead ones included, hides all enemies of lower
    numbers too (issue 50 of oxwhirl/smacv2).
    """
    if limits is not None and limits.claims:
        own, hidden = np.uint64(1) << np.uint64(agent), 0
        for u in range(n_agents, units.shape[1]):
            enemy = units[b, u]
            seen = scratch[index(SEEN + u)] > NONE
            if limits.quirk and enemy.health <= 0.0:
                seen = sees_place(vision, limits, units[b, agent], enemy)
            if seen and enemy.claimed_by == NO_UNIT:
                discover(limits, n_agents, enemy, agent)
            if enemy.granted & own == np.uint64(0):
                hide(u, scratch)
                hidden = u
        if limits.quirk:
            for u in range(n_agents, hidden):
                hide(u, scratch)


@inner
def discover(limits: Limits, n_agents: int, enemy: Unit, agent: int) -> None:
    """Let an agent claim an enemy, and grant it to every other agent by a draw of its own."""
    enemy.claimed_by = agent
    enemy.granted = np.uint64(1) << np.uint64(agent)
    for other in range(n_agents):
        if other != agent and draw_sight(enemy) < limits.granted:
            enemy.granted |= np.uint64(1) << np.uint64(other)


@inner
def sees_place(vision: Vision, limits: Limits, unit: Unit, other: Unit) -> bool:
    """Return whether the place of another unit, dead or alive, is in a unit's sight."""
    dx, dy = np.float32(other.x) - np.float32(unit.x), np.float32(other.y) - np.float32(unit.y)
    square, sight = dx * dx + dy * dy, vision.sight[unit.kind]
    if limits.directions.shape[0] > 0:
        return bool(square <= sight * sight) and in_cone(limits, unit.facing, float(dx), float(dy))
    return bool(square < sight * sight)


@inner
def write_facing(limits: Limits | None, facing: int, at: int, numbers: Floats) -> int:
    """Write an agent's direction of view from index `at` on, if it has one; return the index behind it."""
    if limits is None:
        return at
    if limits.directions.shape[0] > 0:
        numbers[index(at)] = limits.directions[facing, 0]
        numbers[index(at + 1)] = limits.directions[facing, 1]
        at += 2
    return at


@inner
def hide(u: int, scratch: Floats) -> None:
    """Clear the rows of an agent's view of unit u; whether it is in shooting range stays known."""
    scratch[index(SEEN + u)] = scratch[index(DISTANCE + u)] = NONE
    scratch[index(TO_X + u)] = scratch[index(TO_Y + u)] = NONE
    scratch[index(SEEN_HEALTH + u)] = scratch[index(SEEN_SHIELD + u)] = NONE
