"""A GRU over a packed timeline, with a hand-written backward pass.

Cho et al. 2014 in PyTorch's convention (gates in the order reset, update, new):

    r = sigmoid(x_r + h W_r + b_r)      z = sigmoid(x_z + h W_z + b_z)
    n = tanh(x_n + r * (h W_n + b_n))   h' = n + z * (h - n)

The caller computes the input side x (its product and bias) for all moments at once. The time loop has one matrix
product and four elementwise operations forward, one product and three operations backward; the weight gradient is a
single product at the end. Ended episodes leave the batch, so nothing is computed for them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from fedqmix.runtime.core.timeline import Timeline


def gru_cell(gates_in: torch.Tensor, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Advance the hidden state by one moment.

    gates_in: [agents, rows, 3 * width], the input side. hidden: [agents, rows, width].
    weight: [agents, width, 3 * width]. bias: [agents, 3 * width].
    Returns the new hidden state [agents, rows, width].
    """
    if torch.is_grad_enabled() and any(one.requires_grad for one in (gates_in, hidden, weight, bias)):
        return _differentiable_cell(gates_in, hidden, weight, bias)
    now = _Moments.empty(gates_in, [gates_in.shape[1]])
    now.advance(0, hidden, weight, bias.unsqueeze(1))
    return now.hidden


def _differentiable_cell(
    gates_in: torch.Tensor, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """Advance as `gru_cell` does, by operations with an autograd graph: writing into given memory has none."""
    width = hidden.shape[-1]
    side = torch.baddbmm(bias.unsqueeze(1), hidden, weight)
    reset, update = (gates_in[..., : 2 * width] + side[..., : 2 * width]).sigmoid().chunk(2, dim=-1)
    new = (gates_in[..., 2 * width :] + reset * side[..., 2 * width :]).tanh()
    return torch.lerp(new, hidden, update)


def unroll(gates_in: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, timeline: Timeline) -> torch.Tensor:
    """Run the GRU from a zero state over every episode of the timeline.

    gates_in: [agents, moments, 3 * width]. weight: [agents, width, 3 * width]. bias: [agents, 3 * width].
    Returns the hidden state after each moment [agents, moments, width]; differentiable in the three tensors.
    """
    hidden: torch.Tensor = _Unroll.apply(gates_in, weight, bias, timeline)  # type: ignore[no-untyped-call]
    return hidden


class _Moments:
    """All moments' intermediate values, each in one tensor, and their views by time step.

    The views are made once, outside the time loop: for small tensors, indexing costs more than the computation.
    """

    def __init__(
        self,
        gates_in: torch.Tensor,
        hidden: torch.Tensor,
        hidden_side: torch.Tensor,
        reset_update: torch.Tensor,
        new: torch.Tensor,
        counts: list[int],
    ) -> None:
        width = hidden.shape[-1]
        self.hidden = hidden  # [agents, moments, width]
        self.hidden_side = hidden_side  # [agents, moments, 3 * width]: h W + b
        self.reset_update = reset_update  # [agents, moments, 2 * width]
        self.new = new  # [agents, moments, width]
        self._hidden = torch.split(hidden, counts, 1)
        self._side = torch.split(hidden_side, counts, 1)
        self._side_reset_update = torch.split(hidden_side[..., : 2 * width], counts, 1)
        self._side_new = torch.split(hidden_side[..., 2 * width :], counts, 1)
        self._in_reset_update = torch.split(gates_in[..., : 2 * width], counts, 1)
        self._in_new = torch.split(gates_in[..., 2 * width :], counts, 1)
        self._reset_update = torch.split(reset_update, counts, 1)
        self._reset = torch.split(reset_update[..., :width], counts, 1)
        self._update = torch.split(reset_update[..., width:], counts, 1)
        self._new = torch.split(new, counts, 1)

    @classmethod
    def empty(cls, gates_in: torch.Tensor, counts: list[int]) -> _Moments:
        agents, moments, width = gates_in.shape[0], gates_in.shape[1], gates_in.shape[2] // 3
        hidden, side, reset_update, new = (
            gates_in.new_empty(agents, moments, factor * width) for factor in (1, 3, 2, 1)
        )
        return cls(gates_in, hidden, side, reset_update, new, counts)

    def advance(self, time: int, previous: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Compute and return a time step's hidden state from the previous one: [agents, count, width]."""
        torch.baddbmm(bias, previous, weight, out=self._side[time])
        torch.add(self._in_reset_update[time], self._side_reset_update[time], out=self._reset_update[time]).sigmoid_()
        new = torch.addcmul(self._in_new[time], self._reset[time], self._side_new[time], out=self._new[time]).tanh_()
        return torch.lerp(new, previous, self._update[time], out=self._hidden[time])


class _Unroll(torch.autograd.Function):
    """The time loop and its gradient."""

    @staticmethod
    def forward(
        ctx: Any, gates_in: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, timeline: Timeline
    ) -> torch.Tensor:
        counts = timeline.counts.tolist()
        moments = _Moments.empty(gates_in, counts)
        bias = bias.unsqueeze(1)
        hidden = gates_in.new_zeros(gates_in.shape[0], timeline.batch, weight.shape[1])
        for time, count in enumerate(counts):
            hidden = moments.advance(time, hidden if hidden.shape[1] == count else hidden[:, :count], weight, bias)
        width = weight.shape[1]
        ctx.save_for_backward(
            moments.hidden, weight, moments.reset_update, moments.new, moments.hidden_side[..., 2 * width :]
        )
        ctx.timeline = timeline
        return moments.hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden, weight, reset_update, new, side_new = ctx.saved_tensors
        timeline: Timeline = ctx.timeline
        width = hidden.shape[-1]
        reset, update = reset_update[..., :width], reset_update[..., width:]
        # Split and concatenated, not indexed: an index would come from the host, which a captured graph cannot read.
        counts = timeline.counts.tolist()
        before = [state[:, :count] for state, count in zip(torch.split(hidden, counts, 1), counts[1:], strict=False)]
        previous = torch.cat([torch.zeros_like(hidden[:, : timeline.batch]), *before], dim=1)

        # Every gate's gradient is the hidden state's gradient times a factor known before the loop.
        through_new = (1 - update) * (1 - new * new)
        factors = torch.empty(*hidden.shape[:2], 3, width, dtype=hidden.dtype, device=hidden.device)
        torch.mul(through_new, reset, out=factors[:, :, 2])
        torch.mul(factors[:, :, 2] * side_new, 1 - reset, out=factors[:, :, 0])
        torch.mul(previous - new, update * (1 - update), out=factors[:, :, 1])

        grad_total = grad_hidden.clone()  # the loop adds the gradients through time
        grad_gates = _back_through_time(grad_total, factors, update, weight, counts)
        grad_weight = torch.bmm(previous.transpose(1, 2), grad_gates)
        grad_bias = grad_gates.sum(1)
        torch.mul(grad_total, through_new, out=grad_gates[..., 2 * width :])  # the input side is not reset
        return grad_gates, grad_weight, grad_bias, None


def _back_through_time(
    grad_total: torch.Tensor, factors: torch.Tensor, update: torch.Tensor, weight: torch.Tensor, counts: list[int]
) -> torch.Tensor:
    """Add the gradients from later moments to grad_total [agents, moments, width].

    Returns the gradient of the hidden side of all gates [agents, moments, 3 * width].
    """
    grad_gates = torch.empty_like(factors)
    each_total, each_factor, each_update = (torch.split(tensor, counts, 1) for tensor in (grad_total, factors, update))
    each_gate, each_flat = torch.split(grad_gates, counts, 1), torch.split(grad_gates.flatten(2), counts, 1)
    each_spread = torch.split(grad_total.unsqueeze(2), counts, 1)
    weight_t = weight.transpose(1, 2)
    for time in range(len(counts) - 1, 0, -1):
        torch.mul(each_factor[time], each_spread[time], out=each_gate[time])
        carry = torch.baddbmm(each_total[time] * each_update[time], each_flat[time], weight_t)
        before = each_total[time - 1]
        (before if counts[time] == counts[time - 1] else before[:, : counts[time]]).add_(carry)
    torch.mul(each_factor[0], each_spread[0], out=each_gate[0])
    return grad_gates.flatten(2)
