"""Random numbers of each unit (runtime.kernels.splitmix).

Each unit has its own stream, so that the order of the units' decisions does not matter.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.skirmish.arrays import Unit
from fedqmix.envs.skirmish.compile import inner
from fedqmix.runtime.kernels.splitmix import advance, begin_stream, fraction


@inner
def seed_unit(unit: Unit, battle_key: np.uint64, number: int) -> None:
    """Seed the random numbers of a battle's unit by its number."""
    unit.random = begin_stream(battle_key, number)


@inner
def draw(unit: Unit) -> float:
    """Draw the unit's next number, uniform in [0, 1)."""
    state = advance(unit.random)
    unit.random = state
    return fraction(state)
