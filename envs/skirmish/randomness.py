"""Random numbers of each unit: splitmix64 (Steele, Lea and Flood, OOPSLA 2014).

Each unit has its own 64-bit state, so that the order of the units' decisions does not matter.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.skirmish.arrays import Unit
from fedqmix.envs.skirmish.compile import inner

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)
_UNIT = 1.0 / (1 << 53)


@inner
def mix(state: np.uint64) -> np.uint64:
    """Scramble 64 bits."""
    state = (state ^ (state >> _S30)) * _MIX_1
    state = (state ^ (state >> _S27)) * _MIX_2
    return state ^ (state >> _S31)


@inner
def seed_unit(unit: Unit, battle_key: np.uint64, number: int) -> None:
    """Seed the random numbers of a battle's unit by its number."""
    unit.random = mix(battle_key + np.uint64(number + 1) * _STEP)


@inner
def draw(unit: Unit) -> float:
    """Draw the unit's next number, uniform in [0, 1)."""
    state = unit.random + _STEP
    unit.random = state
    return float(mix(state) >> _S11) * _UNIT
