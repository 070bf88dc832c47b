"""A training step's Q-values and gradients by the kernels, as one function that autograd knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from clients.compiled.arrays import Episodes, Gradients, Kept, Network
from clients.compiled.backward import gradients
from clients.compiled.forward import ROWS, values
from clients.network import PARAMETER_NAMES, Parameters
from contracts.timeline import Timeline
from contracts.world import Integers
from kernels.crew import Crew
from kernels.tile import REGISTER_BYTES

if TYPE_CHECKING:
    from clients.buffer import EpisodeBatch


class Block(NamedTuple):
    """Some episodes of a batch, and where their moments begin among all."""

    first: int
    last: int
    start: int


class CompiledNetworks:
    """Both networks of a stack of agents, computed by as many threads as torch may use when the object is made.

    It owns the room that the kernels work in, which is used again in every training step: asking the system for
    new memory and clearing it would take a tenth of a step.
    """

    def __init__(self, agent_ids: tuple[int, ...]) -> None:
        self.agent_ids = agent_ids
        self.crew = Crew(torch.get_num_threads())
        self._room = np.zeros(0)
        self.uses = 0  # how often the room was given away: what it held before is then gone

    def team_q_values(
        self, online: Parameters, target: Parameters, episodes: EpisodeBatch, double_q: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See clients.learning.team_q_values."""
        values = [online[name] for name in PARAMETER_NAMES]
        q_taken, q_next = _TeamQValues.apply(self, target, episodes, double_q, *values)  # type: ignore[no-untyped-call]
        return q_taken, q_next

    def network(self, parameters: Parameters, obs_dim: int) -> Network:
        """Bring parameters into the form that the kernels read."""
        named = {name: value.detach() for name, value in parameters.items()}
        agents, width, n_actions = named["head.weight"].shape
        rows = torch.arange(agents)
        who = torch.tensor(self.agent_ids) + obs_dim + n_actions
        bias_ih, bias_hh = (named[name].view(agents, 3, width) for name in ("gru.bias_ih", "gru.bias_hh"))
        bias = torch.cat([bias_ih[:, :2] + bias_hh[:, :2], bias_ih[:, 2:], bias_hh[:, 2:]], 1)
        return Network(
            features=named["fc.weight"].numpy(),
            always=(named["fc.bias"] + named["fc.weight"][rows, who]).numpy(),
            inside=_by_gate(named["gru.weight_ih"]).numpy(),
            recurrent=_by_gate(named["gru.weight_hh"]).numpy(),
            bias=bias.numpy(),
            head=_padded(named["head.weight"]).numpy(),
            head_bias=_padded(named["head.bias"]).numpy(),
        )

    def room(self, agents: int, moments: int, width: int, dtype: Any) -> Kept:
        """Give the room away, for one way forward and back."""
        self.uses += 1
        size = agents * moments * width
        if self._room.size < len(Kept._fields) * size or self._room.dtype != dtype:
            self._room = np.empty(len(Kept._fields) * size, dtype)
        parts = (self._room[i * size : (i + 1) * size] for i in range(len(Kept._fields)))
        return Kept(*(part.reshape(agents, moments, width) for part in parts))


def blocks(order: Timeline) -> list[Block]:
    """Part a batch of episodes into blocks of at most ROWS, alike in size."""
    count = -(-order.batch // ROWS)
    bounds = [order.batch * block // count for block in range(count + 1)]
    starts = np.concatenate([[0], np.cumsum(order.lengths + 1)])
    return [Block(first, last, int(starts[first])) for first, last in zip(bounds, bounds[1:], strict=False)]


class _TeamQValues(torch.autograd.Function):
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
        networks = [
            owner.network(parameters, obs_dim)
            for parameters in (dict(zip(PARAMETER_NAMES, online, strict=True)), target)
        ]
        q_taken, q_next = online[0].new_empty(2, agents, order.transitions).unbind()
        kept = owner.room(agents, order.moments, networks[0].head.shape[1], networks[0].head.dtype)
        tasks = [(agent, block) for block in blocks(order) for agent in range(agents)]

        def task(number: int) -> None:
            agent, block = tasks[number]
            values(*networks, columns, agent, *block, double_q, kept, q_taken.numpy(), q_next.numpy())

        owner.crew.each(task, len(tasks))
        ctx.mark_non_differentiable(q_next)
        ctx.owner, ctx.use, ctx.network, ctx.columns, ctx.kept = owner, owner.uses, networks[0], columns, kept
        ctx.order = order
        return q_taken, q_next

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_taken: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        owner: CompiledNetworks = ctx.owner
        if owner.uses != ctx.use:
            raise RuntimeError("q_taken has no way back any more: its networks have computed other Q-values since")
        network: Network = ctx.network
        parts = blocks(ctx.order)
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
    private = (episodes.observations, episodes.available_actions, episodes.actions)
    order = episodes.timeline
    return Episodes(*(column.numpy() for column in private), episodes.rows, order.lengths, order.offsets)


def _nothing_yet(blocks: int, network: Network, columns: Episodes) -> Gradients:
    agents, width, _ = network.head.shape
    obs_dim, n_actions = columns.observations.shape[2], columns.available_actions.shape[2]

    def room(*shape: int) -> Any:
        return np.zeros((blocks, agents, *shape), network.head.dtype)

    return Gradients(
        features=room(obs_dim + n_actions, width),
        always=room(width),
        inside=room(3, width, width),
        recurrent=room(3, width, width),
        bias=room(4, width),
        head=room(n_actions, width),
        head_bias=room(n_actions),
    )


def _by_parameter(network: Network, found: Gradients, agent_ids: tuple[int, ...]) -> list[torch.Tensor]:
    """Add the blocks up and bring the gradients into the parameters' shapes, in PARAMETER_NAMES' order."""
    total = Gradients(*(torch.from_numpy(part).sum(0) for part in found))
    agents, width, _ = network.head.shape
    features = torch.zeros(network.features.shape, dtype=total.features.dtype)
    features[:, : total.features.shape[1]] = total.features
    features[torch.arange(agents), torch.tensor(agent_ids) + total.features.shape[1]] = total.always
    return [
        features,
        total.always,
        *(part.transpose(1, 2).reshape(agents, width, 3 * width) for part in (total.inside, total.recurrent)),
        total.bias[:, :3].reshape(agents, -1),
        total.bias[:, [0, 1, 3]].reshape(agents, -1),
        total.head.transpose(1, 2).contiguous(),
        total.head_bias,
    ]


def _padded(tensor: torch.Tensor) -> torch.Tensor:
    """Add columns of zeros until a row is whole tiles."""
    missing = -tensor.shape[-1] % (REGISTER_BYTES // tensor.itemsize)
    return torch.nn.functional.pad(tensor, (0, missing)).contiguous()


def _by_gate(weight: torch.Tensor) -> torch.Tensor:
    """[agents, width, 3 * width] -> [agents, 3, width, width]."""
    agents, width = weight.shape[:2]
    return weight.view(agents, width, 3, width).transpose(1, 2).contiguous()
