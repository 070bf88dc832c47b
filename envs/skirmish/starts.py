"""Drawn starting places for Purpose.VARIED_EVALUATION and training with env.starts=varied.

Each team's formation is shifted as a whole, and then every unit by itself. Shifts along both axes are uniform within
the distances below. No unit is placed where it cannot stand, and structures are not moved. Overlapping units part in
the first game loops (movement.py).
"""

from __future__ import annotations

from fedqmix.envs.skirmish.arrays import Records, Unit
from fedqmix.envs.skirmish.compile import inner, kernel
from fedqmix.envs.skirmish.randomness import draw
from fedqmix.envs.skirmish.scene import Scene
from fedqmix.envs.skirmish.terrain import is_passable

TEAM_SHIFT = 0.25  # cells, to either side
UNIT_SHIFT = 0.1  # cells, to either side
TRIES = 64  # draws without a valid shift, after which a team or a unit is not shifted


@kernel
def shift_battles(scene: Scene, units: Records, first: int, last: int) -> None:
    """Shift the units of battles first .. last - 1 from the map's starting places."""
    for b in range(first, last):
        shift_team(scene, units, b, 0, scene.n_agents)
        shift_team(scene, units, b, scene.n_agents, units.shape[1])


@inner
def shift_team(scene: Scene, units: Records, b: int, begin: int, end: int) -> None:
    """Shift units begin .. end - 1 together, by draws of the first, then each by its own draws."""
    team_x = team_y = 0.0
    for _ in range(TRIES):
        x, y = draw_shift(units[b, begin], TEAM_SHIFT), draw_shift(units[b, begin], TEAM_SHIFT)
        if can_all_stand(scene, units, b, begin, end, x, y):
            team_x, team_y = x, y
            break
    for u in range(begin, end):
        if scene.kinds[units[b, u].kind].speed > 0.0:
            shift_unit(scene, units[b, u], team_x, team_y)


@inner
def draw_shift(unit: Unit, farthest: float) -> float:
    """Draw a distance along one axis, uniform between -farthest and farthest."""
    return (draw(unit) * 2.0 - 1.0) * farthest


@inner
def can_all_stand(scene: Scene, units: Records, b: int, begin: int, end: int, x: float, y: float) -> bool:
    """Return whether all mobile units begin .. end - 1 can stand after a shift by (x, y)."""
    for u in range(begin, end):
        unit = units[b, u]
        kind = scene.kinds[unit.kind]
        if kind.speed > 0.0 and not is_passable(scene.terrain, kind.plane, unit.x + x, unit.y + y):
            return False
    return True


@inner
def shift_unit(scene: Scene, unit: Unit, team_x: float, team_y: float) -> None:
    """Shift a unit with its team, and by the first of its own draws after which it can stand."""
    unit.x += team_x
    unit.y += team_y
    for _ in range(TRIES):
        x, y = unit.x + draw_shift(unit, UNIT_SHIFT), unit.y + draw_shift(unit, UNIT_SHIFT)
        if is_passable(scene.terrain, scene.kinds[unit.kind].plane, x, y):
            unit.x, unit.y = x, y
            return
