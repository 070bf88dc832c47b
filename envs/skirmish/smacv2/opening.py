"""The beginning of a scenario's battle: teams and places are drawn, overlapping units part, and agents are numbered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.arrays import NO_UNIT, Battle, Records
from fedqmix.envs.skirmish.compile import inner, kernel
from fedqmix.envs.skirmish.movement import move
from fedqmix.envs.skirmish.orders import stand_guard
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.smacv2.draws import (
    TeamDraw,
    copy_team,
    draw_next,
    draw_team,
    make_team_draw,
    mirror,
    surround,
)
from fedqmix.envs.skirmish.smacv2.options import Smacv2Options
from fedqmix.envs.skirmish.smacv2.scenarios import race_of
from fedqmix.envs.skirmish.variation import become
from fedqmix.runtime.core.world import Floats64
from fedqmix.runtime.kernels.splitmix import begin_stream

TYPES, PLACES, DISCOVERIES = 1000, 1001, 2000
"""Numbers of the battle's streams of random draws. From DISCOVERIES on each unit has one, beside its own from 0 on."""
MOST_LOOPS = 200  # loops after which units that still overlap part in the first game loops


class Opening(NamedTuple):
    """The draws of a scenario's battles, as the compiled code reads them."""

    team: TeamDraw
    reflect: float  # probability of mirrored places


def make_opening(record: MapRecord, env: Smacv2Options) -> Opening:
    """Build the draws of a scenario."""
    race = race_of(record)
    return Opening(make_team_draw(race.types, race.weights, race.exceptions), float(env.reflect))


@kernel
def open_scenarios(
    scene: Scene,
    opening: Opening,
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
    for b in range(first, last):
        battle = battles[b]
        battle.stream = begin_stream(keys[b], TYPES)
        draw_teams(scene, opening.team, battle, units, b)
        battle.stream = begin_stream(keys[b], PLACES)
        if draw_next(battle) < opening.reflect:
            mirror(scene, battle, units, b)
        else:
            surround(scene, battle, units, b, scratch)
        part_units(scene, battle, units, b, scratch)
        number_agents(scene, opening.team, units, b)
        for u in range(units.shape[1]):
            unit = units[b, u]
            unit.facing, unit.claimed_by, unit.granted = 0, NO_UNIT, np.uint64(0)
            unit.sight_random = begin_stream(keys[b], DISCOVERIES + u)
            if u >= scene.n_agents:
                stand_guard(unit)


@inner
def draw_teams(scene: Scene, team: TeamDraw, battle: Battle, units: Records, b: int) -> None:
    """Draw both teams: the enemies have the agents' types, and further enemies are a team of their own."""
    draw_team(team, scene, battle, units, b, 0, scene.n_agents)
    copy_team(scene, units, b)
    draw_team(team, scene, battle, units, b, min(2 * scene.n_agents, units.shape[1]), units.shape[1])


@inner
def part_units(scene: Scene, battle: Battle, units: Records, b: int, scratch: Floats64) -> None:
    """Push overlapping units apart by the rules of walking (movement.move), until none overlap."""
    loops = 0
    battle.crowded = True
    for u in range(units.shape[1]):
        units[b, u].walk_x = units[b, u].walk_y = 0.0
        units[b, u].stirred = True
    while battle.crowded and loops < MOST_LOOPS:
        move(scene, units, battle, b, scratch)
        loops += 1
    battle.crowded = True  # as after set_up_battles: one more check in the first game loop
    for u in range(units.shape[1]):
        units[b, u].stirred = True


@inner
def number_agents(scene: Scene, team: TeamDraw, units: Records, b: int) -> None:
    """Number the agents by type, x and y (init_units). Types follow their names."""
    for end in range(1, scene.n_agents):
        u = end
        while u > 0 and comes_before(team, units, b, u, u - 1):
            one, other = units[b, u - 1], units[b, u]
            x, y, kind, slot = one.x, one.y, one.kind, one.type_slot
            one.x, one.y = other.x, other.y
            become(scene, one, other.kind, other.type_slot)
            other.x, other.y = x, y
            become(scene, other, kind, slot)
            u -= 1


@inner
def comes_before(team: TeamDraw, units: Records, b: int, u: int, v: int) -> bool:
    """Return whether agent u belongs before agent v."""
    one, other = units[b, u], units[b, v]
    if one.type_slot != other.type_slot:
        return bool(team.rank[one.type_slot] < team.rank[other.type_slot])
    if one.x != other.x:
        return bool(one.x < other.x)
    return bool(one.y < other.y)
