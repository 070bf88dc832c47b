"""The GRU's time loop captured as CUDA graphs.

A loop over an episode's moments launches hundreds of small kernels, and a launch takes longer than the computation. A
graph launches them as one. A graph has a fixed shape, so every episode is padded with zero inputs to the limit. The
outputs after an episode's end are dropped, so the result equals that of `unroll`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import torch

from fedqmix.networks.gru_recurrence import unroll
from fedqmix.runtime.core.timeline import Timeline, timeline

Loop = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(gates_in, weight, bias) -> hidden, for episodes of full length."""
Capture = Callable[[Loop, tuple[torch.Tensor, ...]], Loop]
"""Returns the captured loop for tensors of the samples' shapes; each call overwrites the previous result."""


class CapturedUnroll:
    """`networks.gru_recurrence.unroll` as captured graphs, for batches of one size.

    The first call with and the first without gradient capture a graph each. A stack of another size, as after the end
    of one of several runs in one program, is captured again.
    """

    def __init__(self, batch: int, limit: int, capture: Capture | None = None) -> None:
        """batch: episodes in every timeline. limit: the maximum length of an episode, in environment steps.

        capture: captures a loop; by default `torch.cuda.make_graphed_callables`.
        """
        self._full = timeline(np.full(batch, limit, np.int64))
        self._capture = capture or cast(Capture, torch.cuda.make_graphed_callables)
        self._loops: dict[tuple[int, bool], Loop] = {}  # by (agents, with gradient)

    def __call__(
        self, gates_in: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, order: Timeline
    ) -> torch.Tensor:
        """See `networks.gru_recurrence.unroll`. Raises ValueError when the timeline has another number of episodes."""
        if order.batch != self._full.batch:
            raise ValueError(f"captured for {self._full.batch} episodes, called with {order.batch}")
        places = torch.from_numpy(order.moment_time * order.batch + order.moment_episode).to(gates_in.device)
        agents, _, gates = gates_in.shape
        full = gates_in.new_zeros(agents, self._full.moments, gates).index_copy(1, places, gates_in)
        differentiable = torch.is_grad_enabled() and full.requires_grad
        wanted = agents, differentiable
        if wanted not in self._loops:
            samples = tuple(torch.zeros_like(value, requires_grad=differentiable) for value in (full, weight, bias))
            self._loops[wanted] = self._capture(self._loop, samples)
        return self._loops[wanted](full, weight, bias).index_select(1, places)

    def _loop(self, gates_in: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return unroll(gates_in, weight, bias, self._full)
