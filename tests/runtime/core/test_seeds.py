"""Keyed random numbers: the same for the same purpose, different for any other."""

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fedqmix.runtime.core import seeds

KEYS = st.tuples(st.integers(0, 2**31), st.sampled_from(["a", "b", "a:1"]), st.lists(st.integers(-1, 99), max_size=3))


@given(KEYS)
def test_the_same_key_repeats(key):
    seed, role, indices = key
    one, again = (seeds.generator(seed, role, *indices) for _ in range(2))
    assert np.array_equal(one.random(4), again.random(4))
    one.random(100)  # a draw elsewhere changes nothing
    assert np.array_equal(seeds.generator(seed, role, *indices).random(4), seeds.generator(*key[:2], *key[2]).random(4))


def test_every_part_of_the_key_counts():
    keys = [(s, r, *i) for s in range(6) for r in ("coin", "pick") for i in [(), (0,), (1,), (0, 0), (0, 1), (1, 0)]]
    draws = {tuple(seeds.generator(*key).random(3)) for key in keys}
    assert len(draws) == len(keys)


def test_streams_are_uniform_and_unrelated():
    draws = np.stack([seeds.generator(1, "coin", agent).random(4000) for agent in range(8)])
    assert np.abs(draws.mean(1) - 0.5).max() < 0.02
    assert np.abs(np.corrcoef(draws) - np.eye(8)).max() < 0.06


def test_keys_are_the_same_in_every_process():
    """Python's own hash is not; a resumed run must draw what the first one would have, on any machine."""
    script = "from fedqmix.runtime.core import seeds; print(seeds.key(7, 'initial parameters', 2))"
    for salt in ("1", "2"):
        environment = {"PYTHONHASHSEED": salt}
        told = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert int(told.stdout) == 15831384222339827112
