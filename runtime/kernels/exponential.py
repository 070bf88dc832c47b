"""exp for compiled loops.

In float32 it is arithmetic alone, so that the compiler can vectorise it.
exp(x) = 2^n exp(r) with n = round(x / ln 2), so |r| <= ln 2 / 2. There seven terms of the series leave a relative
error below 1.2e-7, about the precision of float32. (The C library's exp is a call per number: ten times slower.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fedqmix.runtime.kernels.numba_internals import intrinsic, ir, overload, types

INVERSE_LN2 = np.float32(1 / math.log(2))
LN2_HIGH = np.float32(0.693359375)  # few bits, so that n * LN2_HIGH is exact (Cody and Waite 1980)
LN2_LOW = np.float32(math.log(2) - 0.693359375)
SERIES = tuple(np.float32(1 / math.factorial(power)) for power in range(6, -1, -1))
LARGEST = np.float32(87)  # beyond it 2^n overflows float32; every sigmoid is 0 or 1 long before
HALF = np.float32(0.5)
BIAS, MANTISSA = np.int32(127), np.int32(23)  # float32's exponent bias and mantissa bits


@intrinsic
def _intrinsic_bits(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


_float_of_bits: Any = _intrinsic_bits


def exponential(x: Any) -> Any:
    """Return exp(x) of a float32 or float64; NaN stays NaN."""
    return math.exp(x)  # for calls from Python; compiled functions use one of the overloads below


@overload(exponential)
def _exponential(x: Any) -> Any:
    def double(x: Any) -> Any:
        return math.exp(x)

    def single(x: Any) -> Any:
        below = LARGEST if x > LARGEST else x  # comparisons: a minimum would not propagate NaN
        within = -LARGEST if below < -LARGEST else below
        n = np.floor(within * INVERSE_LN2 + HALF)
        r = within - n * LN2_HIGH - n * LN2_LOW
        s = SERIES
        series = (((((s[0] * r + s[1]) * r + s[2]) * r + s[3]) * r + s[4]) * r + s[5]) * r + s[6]
        return series * _float_of_bits((np.int32(n) + BIAS) << MANTISSA)

    return single if x == types.float32 else double
