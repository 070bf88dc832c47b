"""The kernels' products and exp against numpy's, above all for sizes that are not a multiple of anything."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from fedqmix.runtime.kernels.exponential import exponential
from fedqmix.runtime.kernels.product import WIDE, product
from fedqmix.runtime.kernels.tile import TILE_ROWS

SHAPES = [
    (1, 1, 1),
    (TILE_ROWS, 5, WIDE // 4),
    (TILE_ROWS - 1, 7, WIDE // 4 - 1),
    (3 * TILE_ROWS + 2, 64, 64),
    (33, 17, WIDE // 2 + 13),
    (5, 0, 9),
    (70, 130, 3),
]
ROUNDING = {np.float32: 1e-5, np.float64: 1e-13}


@numba.njit
def multiply(a, b, c, added):
    product(a, b, c, added)


@numba.njit
def exponentials(x, y):
    for i in range(x.shape[0]):
        y[i] = exponential(x[i])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("added", [False, True], ids=["new", "added"])
@pytest.mark.parametrize("layout", ["rows", "turned", "part"])
def test_a_product_is_numpys_and_touches_nothing_else(dtype, shape, added, layout):
    rows, depth, columns = shape
    random = np.random.default_rng(4)
    a = random.random((depth, rows), dtype).T if layout == "turned" else random.random((rows, depth), dtype)
    b, c = random.random((depth, columns), dtype), random.random((rows, columns), dtype)
    around = np.full((rows + 2, columns + 3), 7, dtype)
    if layout == "part":
        b = np.tile(b, (1, 2))[:, :columns]
        around[1:-1, 1:-2] = c
        c = around[1:-1, 1:-2]
    expected = a.astype(np.float64) @ b.astype(np.float64) + (c if added else 0)
    multiply(a, b, c, added)
    assert np.abs(c - expected).max() <= ROUNDING[dtype] * max(1, np.abs(expected).max())
    around[1:-1, 1:-2] = 7
    assert (around == 7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_is_exp_up_to_rounding(dtype):
    x = np.concatenate([np.linspace(-86, 86, 100_001), [0.0, 1e-8, -1e-8]]).astype(dtype)
    y = np.empty_like(x)
    exponentials(x, y)
    exact = np.exp(x.astype(np.float64))
    assert np.abs(y / exact - 1).max() < (5e-7 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_of_what_is_beyond_float32_ends_where_sigmoids_do(dtype):
    x = np.array([-np.inf, -1e4, 1e4, np.inf, np.nan], dtype)
    y = np.empty_like(x)
    exponentials(x, y)
    assert (1 / (1 + y[:2]) == 1).all()
    assert (1 / (1 + y[2:4]) < 1e-30).all()
    assert np.isnan(y[4])
