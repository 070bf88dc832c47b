"""A battle's own random numbers: splitmix64 (Steele, Lea and Flood, OOPSLA 2014), one 64-bit state a battle."""

from __future__ import annotations

import numpy as np

from envs.skirmish.arrays import Battle
from envs.skirmish.compile import kernel

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)
_UNIT = 1.0 / (1 << 53)


@kernel
def draw(battle: Battle) -> float:
    """Draw the battle's next number, uniform in [0, 1)."""
    state = battle.random + _STEP
    battle.random = state
    state = (state ^ (state >> _S30)) * _MIX_1
    state = (state ^ (state >> _S27)) * _MIX_2
    state = state ^ (state >> _S31)
    return float(state >> _S11) * _UNIT
