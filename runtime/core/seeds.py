"""Random numbers keyed by their purpose, so that no generator state is carried between draws.

A stack of N agents and N stacks of one draw the same numbers, and an episode is the same at any batch size.
A checkpoint needs no generator state: (seed, role, indices) determine every draw.
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
