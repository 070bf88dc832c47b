"""Adam, gradient norms and target updates of several networks that share one array.

Each network's row is computed by the same instructions whether the array holds one network or N, so the results are
equal bit for bit. A library's operation over the whole array does not guarantee this: its vector loop and its order
of summation depend on the length of the array.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fedqmix.runtime.kernels.compile import Compiler, Numbers
from fedqmix.runtime.kernels.thread_pool import ThreadPool

# `reassoc`: the compiler chooses the order of a sum, which is the same for every row.
_kernel = Compiler(Path(__file__).parent, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"}).kernel

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's constants, the defaults of torch.optim.Adam."""
FEWEST = 1 << 17  # numbers per thread at least; fewer are not worth another thread

Bounds = NDArray[np.int64]
"""Offsets of each parameter in one network's numbers: [parameters + 1]; the last is the network's size."""


class Packing:
    """The layout of N networks' parameters in one array: a block [networks, size] for each name."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], networks: int) -> None:
        """Lay out the parameters. shapes: one network's parameter shapes by name."""
        sizes = [math.prod(shape) for shape in shapes.values()]
        self.networks = networks
        self.bounds: Bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._shapes = dict(shapes)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameter names, in the order of `bounds`."""
        return tuple(self._shapes)

    @property
    def size(self) -> int:
        """The number of values of one network."""
        return int(self.bounds[-1])

    def zeros(self, dtype: DTypeLike) -> Numbers:
        """Return a packed array [networks * size] of zeros."""
        return np.zeros(self.networks * self.size, dtype)

    def named(self, packed: Any) -> dict[str, Any]:
        """Return views of a packed array (or tensor) by name: [networks, *shape], contiguous."""
        bounds = (self.networks * self.bounds).tolist()
        return {
            name: packed[first:last].reshape(self.networks, *shape)
            for (name, shape), first, last in zip(self._shapes.items(), bounds[:-1], bounds[1:], strict=True)
        }


class Adam:
    """Adam (Kingma and Ba 2015, arXiv 1412.6980, algorithm 1) for packed parameters.

    m <- beta_1 m + (1 - beta_1) g        v <- beta_2 v + (1 - beta_2) g^2
    theta <- theta - rate / (1 - beta_1^t) m / (sqrt(v) / sqrt(1 - beta_2^t) + epsilon)

    mean, square: m and v, packed. steps: [parameters] int64, each parameter's t, alike for all networks.
    """

    def __init__(self, packing: Packing, dtype: DTypeLike, learning_rate: float) -> None:
        """Set the moments to zero."""
        self.mean, self.square = packing.zeros(dtype), packing.zeros(dtype)
        self.steps = np.zeros(len(packing.names), np.int64)
        self._packing, self._rate = packing, learning_rate

    def step(self, parameters: Numbers, gradient: Numbers, scale: float, thread_pool: ThreadPool) -> None:
        """Take a gradient step with `scale` times the gradient; both are packed."""
        self.steps += 1
        taken = self.steps.tolist()  # powers of Python floats: numpy's may differ in the last bit
        rates = np.array([self._rate / (1 - BETA_1**steps) for steps in taken])
        spreads = np.array([math.sqrt(1 - BETA_2**steps) for steps in taken])
        bounds, moments = self._packing.bounds, (self.mean, self.square)

        def work(first: int, last: int) -> None:
            _adam(parameters, gradient, *moments, bounds, self._packing.networks, first, last, scale, rates, spreads)

        _shared(thread_pool, work, self._packing)

    def reset(self, names: Collection[str]) -> None:
        """Set the moments and the step counts of the named parameters to zero."""
        for position, name in enumerate(self._packing.names):
            if name in names:
                self.steps[position] = 0
                for packed in (self.mean, self.square):
                    self._packing.named(packed)[name][:] = 0

    def state(self) -> dict[str, Numbers]:
        """Return step, exp_avg and exp_avg_sq (torch.optim.Adam's names) by "QUANTITY.PARAMETER".

        The mapping is empty before the first gradient step.
        """
        if not self.steps.any():
            return {}
        moments = {"exp_avg": self._packing.named(self.mean), "exp_avg_sq": self._packing.named(self.square)}
        named = {f"{quantity}.{name}": value for quantity, of in moments.items() for name, value in of.items()}
        steps = zip(self._packing.names, self.steps.tolist(), strict=True)
        return {f"step.{name}": np.array(taken, np.float32) for name, taken in steps} | named

    def load_state(self, named: Mapping[str, Numbers]) -> None:
        """Load the moments and step counts that `state` returned."""
        self.steps[:] = [int(named[f"step.{name}"]) if named else 0 for name in self._packing.names]
        for quantity, packed in (("exp_avg", self.mean), ("exp_avg_sq", self.square)):
            for name, values in self._packing.named(packed).items():
                values[:] = named[f"{quantity}.{name}"] if named else 0


def squared_norms(packing: Packing, gradient: Numbers, thread_pool: ThreadPool) -> NDArray[np.float64]:
    """Return the squared 2-norm of each network's packed gradient: [networks] float64."""
    norms = np.empty(packing.networks)

    def work(first: int, last: int) -> None:
        _squared_norms(gradient, packing.bounds, packing.networks, first, last, norms)

    _shared(thread_pool, work, packing)
    return norms


def move_towards(target: Numbers, online: Numbers, rate: float) -> None:
    """Update target parameters: target += rate (online - target); rate 1 copies."""
    if rate == 1:
        target[:] = online
    else:
        target += target.dtype.type(rate) * (online - target)


def _shared(thread_pool: ThreadPool, work: Any, packing: Packing) -> None:
    thread_pool.share(work, packing.networks, max(1, FEWEST // packing.size))


@_kernel
def _adam(
    parameters: Numbers,
    gradient: Numbers,
    mean: Numbers,
    square: Numbers,
    bounds: Bounds,
    networks: int,
    first: int,
    last: int,
    scale: float,
    rates: NDArray[np.float64],
    spreads: NDArray[np.float64],
) -> None:
    """Take the gradient step of networks first .. last - 1.

    rates: [parameters], the learning rate / (1 - beta_1^t). spreads: [parameters], sqrt(1 - beta_2^t).
    """
    kind = parameters.dtype.type
    one = kind(1)
    beta_1, beta_2, epsilon = kind(BETA_1), kind(BETA_2), kind(EPSILON)
    clipping = kind(scale)
    for network in range(first, last):
        for parameter in range(bounds.shape[0] - 1):
            pace, wide = kind(rates[parameter]), kind(spreads[parameter])
            size = bounds[parameter + 1] - bounds[parameter]
            begin = networks * bounds[parameter] + network * size
            own = slice(begin, begin + size)
            value, slope, m, v = parameters[own], gradient[own], mean[own], square[own]
            for i in range(size):
                g = clipping * slope[i]
                m[i] = beta_1 * m[i] + (one - beta_1) * g
                v[i] = beta_2 * v[i] + (one - beta_2) * g * g
                value[i] -= pace * m[i] / (np.sqrt(v[i]) / wide + epsilon)


@_kernel
def _squared_norms(
    gradient: Numbers, bounds: Bounds, networks: int, first: int, last: int, norms: NDArray[np.float64]
) -> None:
    """Compute norms[first .. last - 1]; norms: [networks]."""
    for network in range(first, last):
        total = 0.0
        for parameter in range(bounds.shape[0] - 1):
            size = bounds[parameter + 1] - bounds[parameter]
            begin = networks * bounds[parameter] + network * size
            values = gradient[begin : begin + size]
            part = 0.0
            for i in range(size):
                part += np.float64(values[i]) * np.float64(values[i])
            total += part
        norms[network] = total
