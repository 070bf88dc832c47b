"""The beginning of a battle of drawn teams: the task, both teams' places, and the units that do not exist.

The teams are equal. Their middles lie on a line through the field's centre at a uniform angle, tasks.APART cells apart.
All units of a type begin within JITTER of their team's middle, along each axis. Enemies attack-move to the middle of
the agents. Which of a team's numbers exist is drawn, so that no number is of one type (REFIL's random tags).
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.arrays import Battle, Records, Unit
from fedqmix.envs.skirmish.compile import inner, kernel
from fedqmix.envs.skirmish.random_teams.tasks import APART, SETS, teams_of
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.smacv2.draws import draw_next, scatter
from fedqmix.envs.skirmish.smacv2.opening import part_units
from fedqmix.envs.skirmish.variation import become
from fedqmix.envs.units import unit_names
from fedqmix.runtime.core.world import Floats64
from fedqmix.runtime.kernels.splitmix import begin_stream

TEAMS = 3000
"""Number of the battle's stream of these draws; units have 0 to 127, SMACv2's scenarios those from 1000 on."""
JITTER = 1.0  # cells, to either side along each axis, from a team's middle to its units of one type


class RandomTeams(NamedTuple):
    """The draws of a set of tasks, as the compiled code reads them."""

    teams: NDArray[np.int64]  # [teams, types] numbers of units
    kinds: NDArray[np.int64]  # [types] numbers of kinds


def make_random_teams(record: MapRecord) -> RandomTeams:
    """Build the draws of a set of tasks."""
    kinds = [unit_names().index(name) for name in SETS[record.name].types]
    return RandomTeams(teams_of(record.name), np.array(kinds, np.int64))


@kernel
def open_random_teams(
    scene: Scene,
    draws: RandomTeams,
    keys: NDArray[np.uint64],
    units: Records,
    battles: Records,
    scratch: Floats64,
    first: int,
    last: int,
) -> None:
    """Draw the teams and places of battles first .. last - 1, whose units were set up.

    keys: [battles] fix the battles' random draws. scratch: [movement.ROWS, units or more], overwritten.
    """
    width, height = scene.terrain.walkable.shape
    for b in range(first, last):
        battle = battles[b]
        battle.stream = begin_stream(keys[b], TEAMS)
        team = int(draw_next(battle) * draws.teams.shape[0])
        angle = draw_next(battle) * 2.0 * pi
        x, y = cos(angle) * APART / 2.0, sin(angle) * APART / 2.0
        agents, enemies = (width / 2 + x, height / 2 + y), (width / 2 - x, height / 2 - y)
        place_team(scene, draws, team, battle, units, b, 0, scene.n_agents, agents, scratch)
        place_team(scene, draws, team, battle, units, b, scene.n_agents, units.shape[1], enemies, scratch)
        for u in range(scene.n_agents, units.shape[1]):
            units[b, u].goal_x, units[b, u].goal_y = agents
        part_units(scene, battle, units, b, scratch)


@inner
def place_team(
    scene: Scene,
    draws: RandomTeams,
    team: int,
    battle: Battle,
    units: Records,
    b: int,
    begin: int,
    end: int,
    middle: tuple[float, float],
    scratch: Floats64,
) -> None:
    """Give a team's units drawn numbers of begin .. end - 1 and places around its middle; leave out the others."""
    count = end - begin
    for i in range(count):
        scratch[0, i] = begin + i
    for i in range(count):  # a shuffle
        other = i + int(draw_next(battle) * (count - i))
        number = scratch[0, other]
        scratch[0, other] = scratch[0, i]
        scratch[0, i] = number
    placed = 0
    for slot in range(draws.kinds.shape[0]):
        x = middle[0] + (draw_next(battle) * 2.0 - 1.0) * JITTER
        y = middle[1] + (draw_next(battle) * 2.0 - 1.0) * JITTER
        for _ in range(draws.teams[team, slot]):
            unit = units[b, int(scratch[0, placed])]
            become(scene, unit, draws.kinds[slot], slot)
            scatter(scene, battle, unit, x, y)
            placed += 1
    for i in range(placed, count):
        leave_out(units[b, int(scratch[0, i])], middle)


@inner
def leave_out(unit: Unit, middle: tuple[float, float]) -> None:
    """Let a unit not exist in this battle."""
    unit.absent = True
    unit.health = unit.shield = unit.energy = 0.0
    unit.x, unit.y = middle
