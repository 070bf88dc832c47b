"""A GRU over a packed timeline, with a hand-written backward pass.

Cho et al. 2014 in PyTorch's convention (gates in the order reset, update, new):

    r = sigmoid(x_r + h W_r + b_r)      z = sigmoid(x_z + h W_z + b_z)
    n = tanh(x_n + r * (h W_n + b_n))   h' = n + z * (h - n)

The input side x (its product and bias) is computed for all moments at once by the caller. What is left in the time
loop is one matrix product and four elementwise operations forward, one product and three operations backward; the
weight gradient is a single product at the end. Episodes that are over are not computed: they leave the batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from contracts.timeline import Timeline


def gru_cell(
    gates_in: torch.Tensor, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Advance one moment.

    gates_in: [agents, rows, 3 * width], the input side. hidden: [agents, rows, width].
    weight: [agents, width, 3 * width]. bias: [agents, 3 * width].
    Returns the new hidden state [agents, rows, width], the reset and update gates together [agents, rows, 2 * width],
    the new gate [agents, rows, width], and the hidden side of the new gate before it is reset [agents, rows, width].
    """
    width = hidden.shape[-1]
    gates_hidden = torch.baddbmm(bias.unsqueeze(1), hidden, weight)
    reset_update = torch.add(gates_in[..., : 2 * width], gates_hidden[..., : 2 * width]).sigmoid_()
    new_hidden_side = gates_hidden[..., 2 * width :]
    new = torch.addcmul(gates_in[..., 2 * width :], reset_update[..., :width], new_hidden_side).tanh_()
    return torch.lerp(new, hidden, reset_update[..., width:]), reset_update, new, new_hidden_side


def unroll(gates_in: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, timeline: Timeline) -> torch.Tensor:
    """Run the GRU from a zero state over every episode of the timeline.

    gates_in: [agents, moments, 3 * width]. weight: [agents, width, 3 * width]. bias: [agents, 3 * width].
    Returns the hidden state after each moment [agents, moments, width]; differentiable in the three tensors.
    """
    hidden: torch.Tensor = _Unroll.apply(gates_in, weight, bias, timeline)
    return hidden


class _Unroll(torch.autograd.Function):
    """The time loop and its gradient."""

    @staticmethod
    def forward(
        ctx: Any, gates_in: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, timeline: Timeline
    ) -> torch.Tensor:
        agents, moments, width = gates_in.shape[0], timeline.moments, weight.shape[1]
        hidden = gates_in.new_empty(agents, moments, width)
        saved = [gates_in.new_empty(agents, moments, size) for size in (2 * width, width, width)]
        keep = any(ctx.needs_input_grad)
        previous = gates_in.new_zeros(agents, timeline.batch, width)
        for start, count in zip(timeline.offsets[:-1].tolist(), timeline.counts.tolist(), strict=True):
            now = slice(start, start + count)
            outcome = gru_cell(gates_in[:, now], previous[:, :count], weight, bias)
            hidden[:, now] = previous = outcome[0]
            if keep:
                for store, value in zip(saved, outcome[1:], strict=True):
                    store[:, now] = value
        if keep:
            ctx.save_for_backward(hidden, weight, *saved)
            ctx.timeline = timeline
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        hidden, weight, reset_update, new, new_hidden_side = ctx.saved_tensors
        timeline: Timeline = ctx.timeline
        width = hidden.shape[-1]
        reset, update = reset_update[..., :width], reset_update[..., width:]
        previous = hidden.new_zeros(hidden.shape)
        previous[:, timeline.batch :] = hidden[:, torch.from_numpy(timeline.taken).to(hidden.device)]

        # Every gate's gradient is the hidden state's gradient times a factor known before the loop.
        through_new = (1 - update) * (1 - new * new)
        factors = torch.stack(
            [
                through_new * new_hidden_side * reset * (1 - reset),
                (previous - new) * update * (1 - update),
                through_new * reset,
            ],
            dim=2,
        )  # [agents, moments, 3, width]
        grad_total = grad_hidden.clone()  # will also hold what flows back through time
        grad_gates = torch.empty_like(factors)
        weight_t = weight.transpose(1, 2)
        carry: torch.Tensor | None = None
        for time in range(len(timeline.counts) - 1, -1, -1):
            now = slice(int(timeline.offsets[time]), int(timeline.offsets[time + 1]))
            here = grad_total[:, now]
            if carry is not None:
                here[:, : carry.shape[1]] += carry
            gates = torch.mul(factors[:, now], here.unsqueeze(2), out=grad_gates[:, now])
            carry = torch.baddbmm(here * update[:, now], gates.flatten(2), weight_t) if time else None

        grad_gates_hidden = grad_gates.flatten(2)  # [agents, moments, 3 * width]
        grad_weight = torch.bmm(previous.transpose(1, 2), grad_gates_hidden)
        grad_bias = grad_gates_hidden.sum(1)
        grad_gates_in = grad_gates_hidden.clone()
        torch.mul(grad_total, through_new, out=grad_gates_in[..., 2 * width :])
        return grad_gates_in, grad_weight, grad_bias, None
