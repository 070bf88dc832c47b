"""The draws of a scenario: unit types with weights, and both kinds of starting places (distributions.py of SMACv2).

All draws come from the stream of the battle's record, which its seed, purpose and number fix. The functions know
neither scenarios nor settings, so other families of drawn battles can use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.skirmish.arrays import Battle, Records, Unit
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.variation import become
from fedqmix.envs.units import unit_names
from fedqmix.runtime.core.world import Bools, Floats64
from fedqmix.runtime.kernels.splitmix import advance, fraction

GROUPS = 4  # the most groups of enemies around the agents: one on each diagonal
GAP = 1.0  # cells between the agents' part of the field and the middle, when mirrored
INNER = 2.0  # cells along each axis from the middle to the innermost place of a group
JITTER = 0.25  # cells, to either side along each axis, by which units on one spot are parted at first
EDGE = 0.01  # cells; no unit is placed nearer to the field's edge


class TeamDraw(NamedTuple):
    """The draw of a team's unit types."""

    kinds: NDArray[np.int64]  # [types] numbers of kinds, in the order of the type bits
    below: Floats64  # [types] the sum of the probabilities up to and including each type
    exceptional: Bools  # [types] of which alone no team consists
    rank: NDArray[np.int64]  # [types] place in the order in which agents are numbered: of the types' names


def make_team_draw(types: Sequence[str], weights: Sequence[float], exceptions: Sequence[str]) -> TeamDraw:
    """Build the draw of a team. types: names in the order of their type bits; weights: their probabilities."""
    names = unit_names()
    return TeamDraw(
        kinds=np.array([names.index(name) for name in types], np.int64),
        below=np.cumsum(np.array(weights, np.float64)),
        exceptional=np.array([name in exceptions for name in types], np.bool_),
        rank=np.array([sorted(types).index(name) for name in types], np.int64),
    )


@inner
def draw_next(battle: Battle) -> float:
    """Draw the battle's next number, uniform in [0, 1)."""
    state = advance(battle.stream)
    battle.stream = state
    return fraction(state)


@inner
def draw_team(team: TeamDraw, scene: Scene, battle: Battle, units: Records, b: int, begin: int, end: int) -> None:
    """Draw the types of units begin .. end - 1, again while all of them are exceptional (WeightedTeamsDistribution)."""
    again = begin < end
    while again:
        for u in range(begin, end):
            slot, chance = 0, draw_next(battle)
            while slot < team.kinds.size - 1 and chance >= team.below[slot]:
                slot += 1
            become(scene, units[b, u], team.kinds[slot], slot)
            again = again and team.exceptional[slot]


@inner
def copy_team(scene: Scene, units: Records, b: int) -> None:
    """Give the enemies the types of the agents of the same numbers."""
    for u in range(scene.n_agents, min(2 * scene.n_agents, units.shape[1])):
        twin = units[b, u - scene.n_agents]
        become(scene, units[b, u], twin.kind, twin.type_slot)


@inner
def put(scene: Scene, unit: Unit, x: float, y: float) -> None:
    """Place a unit at a point of the field."""
    width, height = scene.terrain.walkable.shape
    unit.x, unit.y = min(max(x, EDGE), width - EDGE), min(max(y, EDGE), height - EDGE)


@inner
def mirror(scene: Scene, battle: Battle, units: Records, b: int) -> None:
    """Scatter the agents over the western half, and the enemies as their mirror images (ReflectPositionDistribution).

    Enemies beyond the agents' number are scattered over the eastern half.
    """
    width, height = scene.terrain.walkable.shape
    half = width / 2
    for u in range(units.shape[1]):
        if scene.n_agents <= u < 2 * scene.n_agents:
            twin = units[b, u - scene.n_agents]
            put(scene, units[b, u], width - twin.x, twin.y)
        else:
            x, y = draw_next(battle), draw_next(battle) * height
            put(scene, units[b, u], x * (half - GAP) if u < scene.n_agents else half + x * half, y)


@inner
def surround(scene: Scene, battle: Battle, units: Records, b: int, room: Floats64) -> int:
    """Place the agents in the middle and the enemies in groups on diagonals around it; return the number of groups.

    room: [3 or more, GROUPS or more], scratch. The number of groups is uniform, and they lie on different diagonals.
    Each enemy is equally likely to be in each group; the first enemies are in the first group, and so on. A group
    stands somewhere between a corner of the field and INNER cells from the middle (SurroundedPositionDistribution).
    """
    width, height = scene.terrain.walkable.shape
    n_groups = 1 + int(draw_next(battle) * GROUPS)
    for group in range(GROUPS):
        room[0, group], room[1, group], room[2, group] = group, draw_next(battle), 0.0
    for group in range(n_groups):  # a shuffle of the diagonals, as far as groups need them
        other = group + int(draw_next(battle) * (GROUPS - group))
        diagonal = room[0, other]
        room[0, other] = room[0, group]
        room[0, group] = diagonal
    for _ in range(scene.n_agents, units.shape[1]):
        room[2, int(draw_next(battle) * n_groups)] += 1.0
    for u in range(scene.n_agents):
        scatter(scene, battle, units[b, u], width / 2, height / 2)
    u = scene.n_agents
    for group in range(n_groups):
        east, north = room[0, group] >= 2.0, room[0, group] == 1.0 or room[0, group] == 2.0
        near = room[1, group]
        x = (width / 2 + (INNER if east else -INNER)) * near + (width if east else 0.0) * (1.0 - near)
        y = (height / 2 + (INNER if north else -INNER)) * near + (height if north else 0.0) * (1.0 - near)
        for _ in range(int(room[2, group])):
            scatter(scene, battle, units[b, u], x, y)
            u += 1
    return n_groups


@inner
def scatter(scene: Scene, battle: Battle, unit: Unit, x: float, y: float) -> None:
    """Place a unit within JITTER of a point, so that units on one spot have directions in which they part."""
    dx, dy = (draw_next(battle) * 2.0 - 1.0) * JITTER, (draw_next(battle) * 2.0 - 1.0) * JITTER
    put(scene, unit, x + dx, y + dy)
