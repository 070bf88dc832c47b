"""The orders of SMACv2's enemies (the MapScript of 32x32_flat.SC2Map)."""

from __future__ import annotations

import numpy as np

from fedqmix.envs.skirmish.arrays import ATTACK_MOVE, NO_UNIT, TARGET, Records
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.scene import Scene


@inner
def order_enemies(scene: Scene, units: Records, b: int) -> None:
    """Order each enemy without an order to attack the agents' unit nearest to it, which it then pursues.

    It takes the nearest unit that its weapon can hit, as the game refuses other orders. A healer walks to where the
    nearest unit is and heals on its way. Between two calls, half a second apart, an enemy whose target died attacks
    units that come near.
    """
    for u in range(scene.n_agents, units.shape[1]):
        unit = units[b, u]
        heals = scene.kinds[unit.kind].heal_rate > 0.0
        ordered = unit.order != ATTACK_MOVE or unit.target != NO_UNIT or (heals and not unit.arrived)
        if unit.health <= 0.0 or ordered:
            continue
        nearest, least = NO_UNIT, np.inf
        for agent in range(scene.n_agents):
            other = units[b, agent]
            if other.health <= 0.0 or (not heals and scene.damage[unit.kind, other.kind] < 0.0):
                continue
            dx, dy = other.x - unit.x, other.y - unit.y
            square = dx * dx + dy * dy
            if square < least:
                nearest, least = agent, square
        if nearest == NO_UNIT:
            continue
        unit.arrived = False
        if heals:
            unit.goal_x, unit.goal_y = units[b, nearest].x, units[b, nearest].y
        else:
            unit.order, unit.target = TARGET, nearest
