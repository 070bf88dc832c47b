"""The draws of every battle: the enemies' destination and, if set, types and positions.

env.randomise sets the draws of types and positions, which follow SMACv2 (Ellis et al. 2023, arXiv 2212.07489).

Types: every agent's is drawn from its race with 45 %, 45 % and 10 %. Enemies of the same race have the types of the
agents with the same number; the others are drawn. At least one agent is not a healer. Structures keep type and place.

Positions: in half of the battles the teams are scattered over their own halves of the map ("reflect"). The enemies
then stand at the mirror images of the agents' places. In the other battles the agents stand in the middle, and the
enemies in four groups around them ("surround"). The enemies attack-move to the agents' mean place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.maps import Group, MapRecord
from fedqmix.envs.skirmish.arrays import Records, Unit
from fedqmix.envs.skirmish.compile import inner, kernel
from fedqmix.envs.skirmish.layout import draws_types
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.envs.skirmish.randomness import draw
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.terrain import is_passable
from fedqmix.envs.units import RACES, unit_names
from fedqmix.runtime.core.world import Floats64

OFTEN = 0.45  # probability of each of the first two types
AROUND = 9.0  # cells from the middle to the groups that surround it
SCATTER = 1.5  # cells to either side over which the units of such a group are scattered
TRIES = 64  # drawn places without a valid one, after which a unit keeps the map's place


class Variation(NamedTuple):
    """The options of the draws for every battle, as the compiled code reads them."""

    types: bool
    positions: bool
    same_race: bool
    ally_kinds: NDArray[np.int64]  # [3] kinds of the agents' race, by type bit
    enemy_kinds: NDArray[np.int64]
    middle: Floats64  # [2] midpoint of the teams' starting points
    ahead: Floats64  # [2] from the agents' starting point to the enemies'


def make_variation(record: MapRecord, env: SkirmishOptions) -> Variation:
    """Build the options of a map's draws from env.randomise."""
    ally, enemy = _middle(record.allies), _middle(record.enemies)
    return Variation(
        types=draws_types(env),
        positions=env.randomise in ("positions", "both"),
        same_race=record.ally_race == record.enemy_race,
        ally_kinds=_numbers(RACES[record.ally_race]),
        enemy_kinds=_numbers(RACES[record.enemy_race]),
        middle=(ally + enemy) / 2,
        ahead=enemy - ally,
    )


def _middle(groups: tuple[Group, ...]) -> Floats64:
    points = [(group.x, group.y) for group in groups]
    middle: Floats64 = np.average(points, axis=0, weights=[group.count for group in groups])
    return middle


def _numbers(names: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([unit_names().index(name) for name in names], dtype=np.int64)


@kernel
def vary_battles(scene: Scene, variation: Variation, units: Records, first: int, last: int) -> None:
    """Draw types and positions, as set, of battles first .. last - 1 from the units' own draws."""
    for b in range(first, last):
        if variation.types:
            draw_types(scene, variation, units, b)
        if variation.positions:
            draw_places(scene, variation, units, b)


@inner
def draw_goal(n_agents: int, attack: Floats64, units: Records, b: int) -> None:
    """Draw the enemies' destination between the two ends attack [2, 2], if these differ."""
    dx, dy = attack[1, 0] - attack[0, 0], attack[1, 1] - attack[0, 1]
    if dx != 0.0 or dy != 0.0:
        part = draw(units[b, n_agents])
        for u in range(n_agents, units.shape[1]):
            units[b, u].goal_x = attack[0, 0] + dx * part
            units[b, u].goal_y = attack[0, 1] + dy * part


@inner
def draw_types(scene: Scene, variation: Variation, units: Records, b: int) -> None:
    """Draw the types of all units except structures; replace the first of a team of healers."""
    healers = 0
    for u in range(units.shape[1]):
        unit = units[b, u]
        if scene.kinds[unit.kind].speed == 0.0:
            continue
        slot = draw_slot(unit)
        if u >= scene.n_agents and variation.same_race and u - scene.n_agents < scene.n_agents:
            slot = units[b, u - scene.n_agents].type_slot
        become(scene, unit, variation.ally_kinds[slot] if u < scene.n_agents else variation.enemy_kinds[slot], slot)
        if u < scene.n_agents:
            healers += scene.kinds[unit.kind].heal_rate > 0.0
    if healers == scene.n_agents:
        become(scene, units[b, 0], variation.ally_kinds[0], 0)
        if variation.same_race:
            become(scene, units[b, scene.n_agents], variation.enemy_kinds[0], 0)


@inner
def draw_slot(unit: Unit) -> int:
    """Draw one of the three types of a race; return its type bit."""
    chance = draw(unit)
    return 0 if chance < OFTEN else (1 if chance < 2 * OFTEN else 2)


@inner
def become(scene: Scene, unit: Unit, kind: int, slot: int) -> None:
    """Change a unit's kind and restore its full health, shield and starting energy."""
    unit.kind, unit.type_slot = kind, slot
    unit.health, unit.shield = scene.kinds[kind].health_max, scene.kinds[kind].shield_max
    unit.energy = scene.kinds[kind].energy_start


@inner
def draw_places(scene: Scene, variation: Variation, units: Records, b: int) -> None:
    """Draw the positions of all units; the agents' mean place is the enemies' destination."""
    surround = draw(units[b, 0]) < 0.5
    middle_x, middle_y = variation.middle[0], variation.middle[1]
    goal_x = goal_y = 0.0
    for u in range(units.shape[1]):
        unit = units[b, u]
        if scene.kinds[unit.kind].speed > 0.0:
            if surround:
                place_around(scene, variation, units, b, u)
            elif u < scene.n_agents or u - scene.n_agents >= scene.n_agents:
                place_in_half(scene, variation, unit, u < scene.n_agents)
            else:
                twin = units[b, u - scene.n_agents]
                put(scene, unit, 2 * middle_x - twin.x, 2 * middle_y - twin.y)
        if u < scene.n_agents:
            goal_x += unit.x / scene.n_agents
            goal_y += unit.y / scene.n_agents
        elif not unit.arrived:
            unit.goal_x, unit.goal_y = goal_x, goal_y


@inner
def put(scene: Scene, unit: Unit, x: float, y: float) -> bool:
    """Move a unit to a point if it can stand there; return whether it can."""
    if not is_passable(scene.terrain, 0, x, y):
        return False
    unit.x, unit.y = x, y
    return True


@inner
def place_in_half(scene: Scene, variation: Variation, unit: Unit, ally: bool) -> None:
    """Move a unit to a drawn place in its side's half of the map.

    Along the line between the teams the place lies 0.1 to 0.6 of their distance from the middle.
    """
    width, height = scene.terrain.walkable.shape
    for _ in range(TRIES):
        x, y = draw(unit) * width, draw(unit) * height
        dx, dy = x - variation.middle[0], y - variation.middle[1]
        length = variation.ahead[0] ** 2 + variation.ahead[1] ** 2
        along = (dx * variation.ahead[0] + dy * variation.ahead[1]) / max(length, 1e-9)
        own = -0.6 < along < -0.1 if ally else 0.1 < along < 0.6
        if own and put(scene, unit, x, y):
            return


@inner
def place_around(scene: Scene, variation: Variation, units: Records, b: int, u: int) -> None:
    """Move an agent near the middle, or an enemy to one of four groups diagonally around it."""
    unit = units[b, u]
    x, y = variation.middle[0], variation.middle[1]
    if u >= scene.n_agents:
        quarter = int(draw(unit) * 4.0)
        x += AROUND if quarter % 2 == 0 else -AROUND
        y += AROUND * 0.6 if quarter < 2 else -AROUND * 0.6
    for _ in range(TRIES):
        if put(scene, unit, x + (draw(unit) * 2 - 1) * SCATTER, y + (draw(unit) * 2 - 1) * SCATTER):
            return
