"""The kernels forward and back as one function that autograd knows, shared out among threads in tasks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from clients.compiled.arrays import Episodes, Gradients, Network
from clients.compiled.backward import gradients
from clients.compiled.forward import ROWS, values
from clients.network import PARAMETER_NAMES, Parameters
from contracts.timeline import Timeline

if TYPE_CHECKING:
    from clients.buffer import EpisodeBatch
    from clients.compiled.networks import CompiledNetworks


class Block(NamedTuple):
    """Some episodes of a batch, and where their moments begin among all."""

    first: int
    last: int
    start: int


def blocks(order: Timeline) -> list[Block]:
    """Part a batch of episodes into blocks of at most ROWS, alike in size."""
    count = -(-order.batch // ROWS)
    bounds = [order.batch * block // count for block in range(count + 1)]
    starts = np.concatenate([[0], np.cumsum(order.lengths + 1)])
    return [Block(first, last, int(starts[first])) for first, last in pairwise(bounds)]


class TeamQValues(torch.autograd.Function):
    """q_taken and q_next [agents, transitions]; differentiable are the online parameters, in PARAMETER_NAMES' order."""

    @staticmethod
    def forward(
        ctx: Any,
        owner: CompiledNetworks,
        target: Parameters,
        episodes: EpisodeBatch,
        double_q: bool,
        *online: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        order, columns = episodes.timeline, _columns(episodes)
        agents, _, obs_dim = columns.observations.shape
        network = owner.network(dict(zip(PARAMETER_NAMES, online, strict=True)), obs_dim)
        judge = owner.network(target, obs_dim)
        q_taken, q_next = online[0].new_empty(2, agents, order.transitions).unbind()
        taken, following = q_taken.numpy(), q_next.numpy()
        kept = owner.room(agents, order.moments, network.head.shape[1], network.head.dtype)
        tasks = [(agent, block) for block in blocks(order) for agent in range(agents)]

        def task(number: int) -> None:
            agent, block = tasks[number]
            values(network, judge, columns, agent, *block, double_q, kept, taken, following)

        owner.crew.each(task, len(tasks))
        ctx.mark_non_differentiable(q_next)
        ctx.owner, ctx.use = owner, owner.uses
        ctx.order, ctx.columns, ctx.network, ctx.kept = order, columns, network, kept
        return q_taken, q_next

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_taken: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        owner: CompiledNetworks = ctx.owner
        if owner.uses != ctx.use:
            raise RuntimeError("q_taken has no way back any more: its networks have computed other Q-values since")
        parts, network = blocks(ctx.order), ctx.network
        agents = network.head.shape[0]
        found = _nothing_yet(len(parts), network, ctx.columns)
        tasks = [(agent, number) for number in range(len(parts)) for agent in range(agents)]
        grad = grad_taken.contiguous().numpy()

        def task(number: int) -> None:
            agent, block = tasks[number]
            gradients(network, ctx.columns, agent, block, *parts[block], ctx.kept, grad, found)

        owner.crew.each(task, len(tasks))
        return (None, None, None, None, *_by_parameter(network, found, owner.agent_ids))


def _columns(episodes: EpisodeBatch) -> Episodes:
    return Episodes(
        observations=episodes.observations.numpy(),
        available_actions=episodes.available_actions.numpy(),
        actions=episodes.actions.numpy(),
        rows=episodes.rows,
        lengths=episodes.timeline.lengths,
        offsets=episodes.timeline.offsets,
    )


def _nothing_yet(blocks: int, network: Network, columns: Episodes) -> Gradients:
    agents, width, _ = network.head.shape
    obs_dim, n_actions = columns.observations.shape[2], columns.available_actions.shape[2]
    shapes: Sequence[tuple[int, ...]] = (
        (obs_dim + n_actions, width),
        (width,),
        (3, width, width),
        (3, width, width),
        (4, width),
        (n_actions, width),
        (n_actions,),
    )
    return Gradients(*(np.zeros((blocks, agents, *shape), network.head.dtype) for shape in shapes))


def _by_parameter(network: Network, found: Gradients, agent_ids: tuple[int, ...]) -> list[torch.Tensor]:
    """Add the blocks up and bring the gradients into the parameters' shapes, in PARAMETER_NAMES' order."""
    seen, always, inside, recurrent, bias, head, head_bias = (torch.from_numpy(part).sum(0) for part in found)
    agents, width, _ = network.head.shape
    features = always.new_zeros(network.features.shape)
    features[:, : seen.shape[1]] = seen
    features[torch.arange(agents), torch.tensor(agent_ids) + seen.shape[1]] = always
    return [
        features,
        always,
        inside.transpose(1, 2).reshape(agents, width, 3 * width),
        recurrent.transpose(1, 2).reshape(agents, width, 3 * width),
        bias[:, :3].reshape(agents, -1),
        bias[:, [0, 1, 3]].reshape(agents, -1),
        head.transpose(1, 2).contiguous(),
        head_bias,
    ]
