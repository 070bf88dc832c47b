"""The hits and healing of one game loop. All land at once: no unit gains by its number."""

from __future__ import annotations

from math import sqrt

import numpy as np

from fedqmix.envs.skirmish.arrays import AIR, BURST, LINE, NO_UNIT, Records
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.targets import call_for_help, is_nearer, is_wounded, opponents

BURSTING, HAS_BURST = -1, -2  # hits_left of a unit that bursts in this loop, and afterwards


@inner
def deal(scene: Scene, units: Records, b: int, now: float) -> None:
    """Land all hits of this loop in battle b, then heal; write the units' `hit_by`."""
    for u in range(units.shape[1]):
        unit = units[b, u]
        if unit.health <= 0.0 and unit.attackers == 0 and scene.kinds[unit.kind].missile_speed == 0.0:
            unit.hits_left = min(unit.hits_left, 0)  # of a unit that died before this loop only missiles still land
        while unit.hits_left > 0 and now >= unit.hit_at:
            unit.hits_left -= 1
            unit.hit_at += scene.kinds[unit.kind].hit_interval
            land(scene, units, b, u, now)
    clear_dead(scene, units, b, now)
    for u in range(units.shape[1]):
        unit = units[b, u]
        if unit.attackers > 0:
            if unit.health > 0.0:
                call_for_help(scene, units, b, u, now)
            unit.attackers = 0
        if unit.heals != NO_UNIT:
            heal(scene, units, b, u)


@inner
def land(scene: Scene, units: Records, b: int, u: int, now: float) -> None:
    """Land one hit of unit u on every unit it hits."""
    unit = units[b, u]
    kind = scene.kinds[unit.kind]
    if kind.weapon == BURST:
        unit.hits_left = BURSTING  # it bursts in `clear_dead`; until then other hits of this loop can land on it
    elif kind.weapon == LINE:
        first, last = opponents(scene, units, u)
        for other in range(first, last):
            target = units[b, other]
            dx, dy = target.x - unit.line_x, target.y - unit.line_y
            along = dx * unit.line_dx + dy * unit.line_dy
            along = min(max(along, -kind.line_half_length), kind.line_half_length)
            dx, dy = dx - along * unit.line_dx, dy - along * unit.line_dy
            reach = kind.reach + scene.kinds[target.kind].radius
            if dx * dx + dy * dy <= reach * reach:
                hurt(scene, units, b, u, other, now)
    else:
        hurt(scene, units, b, u, int(unit.hit_target), now)


@inner
def hurt(scene: Scene, units: Records, b: int, u: int, victim: int, now: float) -> None:
    """Subtract one hit of unit u from a victim's shield, then, less armour, from its health.

    A unit that dies in this loop can still be hit, as all hits of a loop land at once. An earlier dead unit cannot.
    """
    target = units[b, victim]
    damage = scene.damage[units[b, u].kind, target.kind]
    if damage < 0.0 or (target.health <= 0.0 and target.attackers == 0):
        return
    absorbed = min(target.shield, damage)
    target.shield -= absorbed
    if damage > absorbed:
        target.health -= max(damage - absorbed - scene.kinds[target.kind].armour, scene.rules.minimum_damage)
    target.hurt_at = now
    target.attackers += 1
    if target.attackers == 1 or is_nearer(units[b, u], units[b, target.attacker], target):
        target.attacker = u
    if u < scene.n_agents:
        target.hit_by |= np.uint64(1) << np.uint64(u)


@inner
def clear_dead(scene: Scene, units: Records, b: int, now: float) -> None:
    """Clear the units that died in this loop, and burst those that burst, until no more die."""
    again = True
    while again:
        again = False
        for u in range(units.shape[1]):
            unit = units[b, u]
            if unit.health > 0.0 and unit.hits_left != BURSTING:
                continue
            unit.health = unit.shield = unit.energy = unit.cooldown = 0.0
            if scene.kinds[unit.kind].weapon == BURST and unit.hits_left != HAS_BURST:
                unit.hits_left = HAS_BURST
                burst(scene, units, b, u, now)
                again = True


@inner
def burst(scene: Scene, units: Records, b: int, u: int, now: float) -> None:
    """Hit all units of the other side around unit u that stand on the ground."""
    unit = units[b, u]
    first, last = opponents(scene, units, u)
    for other in range(first, last):
        target = units[b, other]
        dx, dy = target.x - unit.x, target.y - unit.y
        distance = sqrt(dx * dx + dy * dy) - scene.kinds[target.kind].radius
        if distance <= scene.kinds[unit.kind].reach and scene.kinds[target.kind].plane != AIR:
            hurt(scene, units, b, u, other, now)


@inner
def heal(scene: Scene, units: Records, b: int, u: int) -> None:
    """Heal unit u's target for one loop, limited by u's energy and the target's missing health."""
    unit = units[b, u]
    target = units[b, unit.heals]
    unit.heals = NO_UNIT
    if unit.health <= 0.0 or not is_wounded(scene, target):
        return
    kind = scene.kinds[unit.kind]
    missing = scene.kinds[target.kind].health_max - target.health
    amount = min(kind.heal_rate, missing, unit.energy / kind.energy_per_health)
    target.health = min(target.health + amount, scene.kinds[target.kind].health_max)
    unit.energy = max(unit.energy - amount * kind.energy_per_health, 0.0)


@inner
def regenerate(scene: Scene, units: Records, b: int, now: float) -> None:
    """Regenerate living units for the environment step that ends now, and write their cooldowns."""
    loops = float(scene.rules.loops)
    for u in range(units.shape[1]):
        unit = units[b, u]
        if unit.health <= 0.0:
            continue
        kind = scene.kinds[unit.kind]
        unit.cooldown = max(unit.ready_at - now, 0.0)
        if kind.health_regeneration > 0.0:
            unit.health = min(unit.health + kind.health_regeneration * loops, kind.health_max)
        if unit.shield < kind.shield_max:
            rested = min(max(now - unit.hurt_at - kind.shield_delay, 0.0), loops)
            unit.shield = min(unit.shield + kind.shield_regeneration * rested, kind.shield_max)
        if kind.energy_regeneration > 0.0:
            unit.energy = min(unit.energy + kind.energy_regeneration * loops, kind.energy_max)
