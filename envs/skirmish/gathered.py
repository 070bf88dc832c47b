"""The interface's scratch: the quantities of units that it reads often, gathered in rows.

Each quantity is one row of float32 numbers, and rows of fixed length follow each other. At fixed distances the compiler
proves that rows do not overlap, and computes with several units at once. (`index` makes an index unsigned, which saves
the check for negative indices that count from the end.)
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy import uintp as index

from fedqmix.envs.skirmish.arrays import MOST_UNITS, Records
from fedqmix.envs.skirmish.compile import inner
from fedqmix.runtime.core.world import Floats

X, Y, HEALTH, SHIELD, SLOT = (row * MOST_UNITS for row in range(5))
"""The first index of each row: places (of dead units: out of sight), health and shield relative to their maxima, type
bit."""

NEAR, SEEN, DISTANCE, TO_X, TO_Y, SEEN_HEALTH, SEEN_SHIELD = (row * MOST_UNITS for row in range(5, 12))
"""Rows of one agent's view. NEAR, SEEN: 1 within shooting or sight range, else 0. DISTANCE, TO_X, TO_Y: relative to the
sight range. SEEN_HEALTH, SEEN_SHIELD: relative to their maxima. The last five are 0 for units out of sight."""

ORDER = 12 * MOST_UNITS
"""Row of the agents' numbers in the order in which they look, where that matters (smacv2/sight.py)."""

SCRATCH_LENGTH = 13 * MOST_UNITS
OUT_OF_SIGHT = np.float32(1e9)
ONE, NONE = np.float32(1.0), np.float32(0.0)


@inner
def gather(kinds: Records, units: Records, b: int, scratch: Floats) -> None:
    """Gather the places and conditions of battle b's units in scratch [SCRATCH_LENGTH]."""
    for u in range(units.shape[1]):
        unit = units[b, u]
        kind = kinds[unit.kind]
        alive = unit.health > 0.0
        scratch[index(X + u)] = unit.x if alive else OUT_OF_SIGHT
        scratch[index(Y + u)] = unit.y if alive else OUT_OF_SIGHT
        scratch[index(HEALTH + u)] = unit.health / kind.health_max
        scratch[index(SHIELD + u)] = unit.shield / kind.shield_max if kind.shield_max > 0.0 else 0.0
        scratch[index(SLOT + u)] = unit.type_slot


@inner
def look(agent: int, count: int, sight: np.float32, shoot: np.float32, scratch: Floats) -> None:
    """Write a living agent's view of `count` units (get_obs_agent) to the rows from NEAR on.

    sight, shoot: the agent's ranges in cells.
    """
    x, y = scratch[index(X + agent)], scratch[index(Y + agent)]
    sight_square, shoot_square, per_sight = sight * sight, shoot * shoot, np.float32(1.0 / sight)
    for u in range(count):
        dx, dy = scratch[index(X + u)] - x, scratch[index(Y + u)] - y
        square = dx * dx + dy * dy
        seen = ONE if square < sight_square else NONE
        scale = seen * per_sight
        scratch[index(NEAR + u)] = ONE if square <= shoot_square else NONE
        scratch[index(SEEN + u)] = seen
        scratch[index(DISTANCE + u)] = sqrt(square) * scale
        scratch[index(TO_X + u)] = dx * scale
        scratch[index(TO_Y + u)] = dy * scale
        scratch[index(SEEN_HEALTH + u)] = scratch[index(HEALTH + u)] * seen
        scratch[index(SEEN_SHIELD + u)] = scratch[index(SHIELD + u)] * seen
