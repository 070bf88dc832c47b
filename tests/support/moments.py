"""Moments of battles, put together by hand."""

from __future__ import annotations

import numpy as np

from fedqmix.envs.moment import Scene
from fedqmix.envs.positions import POSITION, Ways
from fedqmix.envs.units import unit_names, unit_type

NORTH, SOUTH, EAST, WEST = 2, 3, 4, 5
OPEN = Ways(np.ones((32, 32), dtype=np.bool_))
DIRECTIONS = {NORTH: (0, 1), SOUTH: (0, -1), EAST: (1, 0), WEST: (-1, 0)}


def unit(kind, x, y, health=None, **more):
    """One row of POSITION; unhurt unless told."""
    row = np.zeros((), dtype=POSITION)
    row["kind"], row["x"], row["y"] = unit_names().index(kind), x, y
    row["health"] = unit_type(kind).health if health is None else health
    for name, value in more.items():
        row[name] = value
    return row


def moment(allies, enemies, walkable=None, ways=OPEN, opening=None, before=None):
    """A scene of one battle with SMAC's masks: 6 cells to attack or heal, one cell ahead to walk.

    opening, before: all units as they were when the battle began, and an environment step ago.
    """
    units = np.array([*allies, *enemies], dtype=POSITION)[None]
    walkable = np.ones((32, 32), dtype=np.bool_) if walkable is None else walkable
    available = np.zeros((len(allies), 1, 6 + max(len(allies), len(enemies))), dtype=np.bool_)
    for number, one in enumerate(allies):
        if one["health"] <= 0:
            available[number, 0, 0] = True
            continue
        available[number, 0, 1] = True
        for action, (dx, dy) in DIRECTIONS.items():
            x, y = int(one["x"] + dx), int(one["y"] + dy)
            available[number, 0, action] = 0 <= x < 32 and 0 <= y < 32 and walkable[x, y]
        heals = unit_type(unit_names()[one["kind"]]).weapon is None
        for target, other in enumerate(allies if heals else enemies):
            near = np.hypot(other["x"] - one["x"], other["y"] - one["y"]) <= 6
            barred = heals and unit_type(unit_names()[other["kind"]]).weapon is None
            available[number, 0, 6 + target] = near and other["health"] > 0 and not barred
    then = [None if past is None else np.array(past, dtype=POSITION)[None] for past in (opening, before)]
    return Scene(units, available, np.zeros((len(allies), 1)), ways, *then)
