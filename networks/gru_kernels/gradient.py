"""The forward and backward kernels over a batch of episodes, divided into tasks for threads."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from fedqmix.networks.gru_kernels.arrays import Episodes, Network, ParameterArrays
from fedqmix.networks.gru_kernels.backward import gradients
from fedqmix.networks.gru_kernels.forward import ROWS, values
from fedqmix.runtime.core.timeline import Timeline

if TYPE_CHECKING:
    from fedqmix.networks.gru_kernels.networks import CompiledNetworks
    from fedqmix.runtime.core.episodes import SampledEpisodes


class Block(NamedTuple):
    """A block of episodes of a batch."""

    first: int  # the block's first episode
    last: int  # behind its last one
    start: int  # where its moments begin among all blocks' moments


def blocks(order: Timeline) -> list[Block]:
    """Divide a batch of episodes into blocks of nearly equal size, at most ROWS each."""
    count = -(-order.batch // ROWS)
    bounds = [order.batch * block // count for block in range(count + 1)]
    starts = np.concatenate([[0], np.cumsum(order.lengths + 1)])
    return [Block(first, last, int(starts[first])) for first, last in pairwise(bounds)]


class BatchValues:
    """The Q-values of one batch by both networks, and the backward pass to the online network's gradient."""

    def __init__(
        self, owner: CompiledNetworks, online: Network, target: Network, episodes: SampledEpisodes, double_q: bool
    ) -> None:
        """Compute q_taken and q_next: [agents, transitions] each.

        owner: provides threads and memory. double_q: see algorithms.q_learning.agent.
        """
        order = episodes.timeline
        self._owner, self._online = owner, online
        self._columns, self._blocks = _columns(episodes), blocks(order)
        agents, width = online.head.shape[:2]
        self.q_taken, self.q_next = torch.empty(2, agents, order.transitions, dtype=_torch_type(online)).unbind()
        self._saved = owner.saved(agents, order.moments, width, online.head.dtype)
        self._use = owner.uses
        self._tasks = [(agent, block) for block in range(len(self._blocks)) for agent in range(agents)]
        taken, following = self.q_taken.numpy(), self.q_next.numpy()

        def task(number: int) -> None:
            agent, block = self._tasks[number]
            own = self._blocks[block]
            values(online, target, self._columns, agent, *own, double_q, self._saved, taken, following)

        owner.thread_pool.each(task, len(self._tasks))

    def backward(self, grad_taken: torch.Tensor, gradient: ParameterArrays) -> None:
        """Fill `gradient`, the gradient of the online parameters. grad_taken: d loss / d q_taken [agents, transitions].

        Raises RuntimeError when the networks have computed other Q-values since.
        """
        owner = self._owner
        if owner.uses != self._use:
            raise RuntimeError("q_taken cannot be differentiated any more: its networks computed other Q-values since")
        gradient_shares = owner.shares(len(self._blocks), self._online, self._columns)
        grad = grad_taken.contiguous().numpy()

        def task(number: int) -> None:
            agent, block = self._tasks[number]
            gradients(
                self._online, self._columns, agent, block, *self._blocks[block], self._saved, grad, gradient_shares
            )

        owner.thread_pool.each(task, len(self._tasks))
        owner.add_up(gradient_shares, gradient)


def _torch_type(network: Network) -> torch.dtype:
    return torch.float32 if network.head.dtype == np.float32 else torch.float64


def _columns(episodes: SampledEpisodes) -> Episodes:
    return Episodes(
        observations=episodes.observations.numpy(),
        available_actions=episodes.available_actions.numpy(),
        actions=episodes.actions.numpy(),
        rows=episodes.rows,
        lengths=episodes.timeline.lengths,
        offsets=episodes.timeline.offsets,
    )
