"""Random numbers keyed by what they are for, so that nothing carries a generator from step to step.

A stack of N agents and N stacks of one draw the same numbers, a battle is the same at any batch size, and a
snapshot needs no generator state: every draw can be made again from (seed, role, indices).
"""

from __future__ import annotations

import hashlib

import numpy as np


def key(seed: int, role: str, *indices: int) -> int:
    """Return the 64-bit key of (seed, role, indices): the same on every machine and Python version."""
    text = ":".join([str(seed), role, *map(str, indices)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(seed: int, role: str, *indices: int) -> np.random.Generator:
    """Return a fresh counter-based generator for (seed, role, indices)."""
    return np.random.Generator(np.random.Philox(key=key(seed, role, *indices)))
