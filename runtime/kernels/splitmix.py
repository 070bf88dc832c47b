"""Random numbers by splitmix64 (Steele, Lea and Flood, OOPSLA 2014), for compiled code.

A stream is one 64-bit state. Streams of one key have numbers, so that the order of their draws does not matter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fedqmix.runtime.kernels.compile import Compiler

_inner = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", _nrt=False, forceinline=True).inner

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)
_UNIT = 1.0 / (1 << 53)


@_inner
def mix(bits: np.uint64) -> np.uint64:
    """Scramble 64 bits."""
    bits = (bits ^ (bits >> _S30)) * _MIX_1
    bits = (bits ^ (bits >> _S27)) * _MIX_2
    return bits ^ (bits >> _S31)


@_inner
def begin_stream(key: np.uint64, number: int) -> np.uint64:
    """Return the first state of a key's stream. number: 0 or more."""
    return mix(key + np.uint64(number + 1) * _STEP)


@_inner
def advance(state: np.uint64) -> np.uint64:
    """Return the stream's next state."""
    return state + _STEP


@_inner
def fraction(state: np.uint64) -> float:
    """Return the number of a state, uniform in [0, 1)."""
    return float(mix(state) >> _S11) * _UNIT
