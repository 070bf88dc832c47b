"""The targets of units on an attack-move: units find, keep, change and lose them."""

from __future__ import annotations

import numpy as np

from fedqmix.envs.skirmish.arrays import ATTACK_MOVE, NO_UNIT, Records, Unit
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.orders import break_off
from fedqmix.envs.skirmish.randomness import draw
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.runtime.core.world import Floats64

ANYWHERE = 1e3  # cells: wider than any map
GONE = -1e6  # the radius of a dead unit in list_units
SAFE = 5.0  # cells; a unit farther than this beyond a range cannot enter it within SAFE_LOOPS
SAFE_LOOPS = 5.0


@inner
def list_units(scene: Scene, units: Records, b: int, places: Floats64) -> None:
    """Write all units' x, y and radius to the first rows of places [3 or more, units].

    A dead unit's radius is GONE.
    """
    for u in range(units.shape[1]):
        unit = units[b, u]
        places[0, u], places[1, u] = unit.x, unit.y
        places[2, u] = scene.kinds[unit.kind].radius if unit.health > 0.0 else GONE


@inner
def pursue(scene: Scene, units: Records, b: int, u: int, now: float, places: Floats64) -> None:
    """Update the target of unit u, which is on an attack-move.

    The unit keeps a living target until it is farther than the leash from the place where it took the target. A target
    out of weapon range is replaced by another within it. An attack in progress is completed.
    """
    unit = units[b, u]
    target = unit.target
    if target != NO_UNIT and units[b, target].health <= 0.0:
        target = NO_UNIT
    reach = -1.0  # the range of the search for another target; negative: no search
    if target != NO_UNIT and not unit.attacking and not reaches(scene, unit, units[b, target]):
        dx, dy = unit.x - unit.leash_x, unit.y - unit.leash_y
        if not scene.hunting and dx * dx + dy * dy > scene.rules.leash * scene.rules.leash:
            target = NO_UNIT
        else:
            reach = scene.kinds[unit.kind].range
    if target == NO_UNIT and now >= unit.scan_at:
        reach = ANYWHERE if scene.hunting else scene.kinds[unit.kind].scan_range
    if reach >= 0.0:
        other = nearest_opponent(scene, units, b, u, reach, places)
        if other != NO_UNIT:
            target = other
        elif target == NO_UNIT and none_near(scene, units, b, u, reach + SAFE, places):
            unit.scan_at = now + SAFE_LOOPS
    if target != unit.target:
        take_target(unit, target)


@inner
def reaches(scene: Scene, unit: Unit, other: Unit) -> bool:
    """Return whether the unit's weapon or healing reaches the other from its present place."""
    dx, dy, reach = other.x - unit.x, other.y - unit.y, scene.reach[unit.kind, other.kind]
    return bool(dx * dx + dy * dy <= reach * reach)


@inner
def nearest_opponent(scene: Scene, units: Records, b: int, u: int, reach: float, places: Floats64) -> int:
    """Return the nearest opponent within reach that unit u can attack, or NO_UNIT.

    Distances are from edge to edge; a draw decides between equals. places: from list_units.
    """
    if none_near(scene, units, b, u, reach, places):
        return NO_UNIT
    unit = units[b, u]
    radius = scene.kinds[unit.kind].radius
    first, last = opponents(scene, units, u)
    nearest, best, equals = NO_UNIT, reach + radius, 1
    for other in range(first, last):
        if places[2, other] == GONE:
            continue
        dx, dy = places[0, other] - unit.x, places[1, other] - unit.y
        limit = best + places[2, other]
        if dx * dx + dy * dy > limit * limit:
            continue
        distance = np.sqrt(dx * dx + dy * dy) - places[2, other]
        if distance > best or scene.damage[unit.kind, units[b, other].kind] < 0.0:
            continue
        if nearest != NO_UNIT and distance == best:
            equals += 1
            if draw(unit) * equals >= 1.0:
                continue
        else:
            equals = 1
        nearest, best = other, distance
    return nearest


@inner
def opponents(scene: Scene, units: Records, u: int) -> tuple[int, int]:
    """Return the range of the other side's unit numbers; its end is exclusive."""
    return (scene.n_agents, units.shape[1]) if u < scene.n_agents else (0, scene.n_agents)


@inner
def none_near(scene: Scene, units: Records, b: int, u: int, reach: float, places: Floats64) -> bool:
    """Return whether no living opponent is within reach of unit u, from edge to edge.

    The loop is vectorised. Indices are unsigned because the check for negative ones prevents vectorisation.
    """
    unit = units[b, u]
    x, y, reach = unit.x, unit.y, reach + scene.kinds[unit.kind].radius + 1e-6
    first, last = opponents(scene, units, u)
    near = 0
    for j in range(np.uint64(first), np.uint64(last)):
        dx, dy, together = places[0, j] - x, places[1, j] - y, max(places[2, j] + reach, 0.0)
        near += dx * dx + dy * dy < together * together
    return near == 0


@inner
def take_target(unit: Unit, target: int) -> None:
    """Set a unit's target (or NO_UNIT), and its place as the leash's origin."""
    break_off(unit)
    unit.target = target
    unit.arrived = False
    unit.scan_at = 0.0
    unit.leash_x, unit.leash_y = unit.x, unit.y


@inner
def seek_wounded(scene: Scene, units: Records, b: int, u: int) -> None:
    """Update the target of healer u, which is on an attack-move.

    The healer keeps its target until it is healed or dead. Then it takes the most wounded unit of its side within
    scan range, the nearer of equals.
    """
    unit = units[b, u]
    kind = scene.kinds[unit.kind]
    if unit.target != NO_UNIT and is_wounded(scene, units[b, unit.target]) and unit.energy > 0.0:
        return
    unit.target = NO_UNIT
    if unit.energy < kind.least_energy:
        return
    first, last = (0, scene.n_agents) if u < scene.n_agents else (scene.n_agents, units.shape[1])
    least, nearest = 2.0, 0.0
    for other in range(first, last):
        friend = units[b, other]
        if other == u or not is_wounded(scene, friend):
            continue
        dx, dy = friend.x - unit.x, friend.y - unit.y
        distance = np.sqrt(dx * dx + dy * dy) - kind.radius - scene.kinds[friend.kind].radius
        part = friend.health / scene.kinds[friend.kind].health_max
        if distance <= kind.scan_range and (part < least or (part == least and distance < nearest)):
            unit.target, least, nearest = other, part, distance


@inner
def is_wounded(scene: Scene, unit: Unit) -> bool:
    """Return whether a unit can be healed."""
    kind = scene.kinds[unit.kind]
    return bool(kind.biological) and 0.0 < unit.health < kind.health_max


@inner
def call_for_help(scene: Scene, units: Records, b: int, victim: int, now: float) -> None:
    """Make the attacker the target of an attacked unit and of units near it without a target.

    All of them are on an attack-move. A unit that is called several times in a loop takes the nearest attacker, so that
    the order of calls does not matter.
    """
    caller = units[b, victim]
    if caller.order != ATTACK_MOVE or now < caller.help_at:
        return
    caller.help_at = now + scene.rules.help_period
    first, last = (0, scene.n_agents) if victim < scene.n_agents else (scene.n_agents, units.shape[1])
    attacker = units[b, caller.attacker]
    for u in range(first, last):
        unit = units[b, u]
        called = unit.target != NO_UNIT and unit.called_at == now
        if unit.health <= 0.0 or (unit.target != NO_UNIT and not called) or unit.order != ATTACK_MOVE:
            continue
        dx, dy = unit.x - caller.x, unit.y - caller.y
        near = dx * dx + dy * dy <= scene.rules.help_radius * scene.rules.help_radius
        if not near or scene.damage[unit.kind, attacker.kind] < 0.0:
            continue
        if not called or is_nearer(attacker, units[b, unit.target], unit):
            unit.called_at = now
            take_target(unit, caller.attacker)


@inner
def is_nearer(one: Unit, other: Unit, unit: Unit) -> bool:
    """Return whether one is nearer to a unit than the other; a draw decides between equals."""
    dx, dy = one.x - unit.x, one.y - unit.y
    other_dx, other_dy = other.x - unit.x, other.y - unit.y
    ahead = other_dx * other_dx + other_dy * other_dy - dx * dx - dy * dy
    return ahead > 0.0 or (ahead == 0.0 and draw(unit) < 0.5)
