"""The TD targets of packed episodes: algorithms.q_learning.td_targets as a kernel, for one output."""

from __future__ import annotations

from fedqmix.algorithms.q_learning.kernels.compile import kernel
from fedqmix.runtime.core.world import Integers
from fedqmix.runtime.kernels.compile import Numbers


@kernel
def td_targets(
    rewards: Numbers, not_terminated: Numbers, begins: Integers, gamma: float, td_lambda: float, values: Numbers
) -> None:
    """Replace the values of the moments after all transitions by the transitions' TD targets.

    rewards, not_terminated: [transitions]. begins: [longest + 1], the first transition of each time step.
    values: [transitions], Y before the call and G after it.
    """
    dtype = values.dtype
    discount, share, rest = dtype.type(gamma), dtype.type(td_lambda), dtype.type(1 - td_lambda)
    later = 0  # episodes that continue after the time step
    for time in range(len(begins) - 2, -1, -1):
        first, following = begins[time], begins[time + 1]
        running = following - first
        if td_lambda > 0:
            for i in range(later):
                values[first + i] = rest * values[first + i] + share * values[following + i]
        for k in range(first, following):
            values[k] = rewards[k] + discount * not_terminated[k] * values[k]
        later = running
