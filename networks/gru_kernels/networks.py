"""The interface of the kernels: acting, and a batch's Q-values with their backward pass."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fedqmix.networks.base import Parameters
from fedqmix.networks.gru import PARAMETER_NAMES
from fedqmix.networks.gru_kernels.acting import Choices, ExplorationDraws, Memory, act
from fedqmix.networks.gru_kernels.arrays import Episodes, Gradients, Network, ParameterArrays, SavedActivations
from fedqmix.networks.gru_kernels.gradient import BatchValues
from fedqmix.networks.gru_kernels.layout import NO_ID, add_up, arrange
from fedqmix.runtime.core.world import Bools, Floats, TeamSpec
from fedqmix.runtime.kernels.compile import Numbers
from fedqmix.runtime.kernels.product import WIDE
from fedqmix.runtime.kernels.thread_pool import ThreadPool

if TYPE_CHECKING:
    from fedqmix.runtime.core.episodes import SampledEpisodes

FEWEST = 128  # agents times episodes per thread; below this, acting takes less time than passing it to a thread
FEWEST_AGENTS = 4  # agents per thread when parameters are converted


class CompiledNetworks:
    """Both networks of a stack of agents, computed by the threads of a thread pool.

    It owns the kernels' memory, which every training step uses again: to allocate and clear new memory would take a
    tenth of a training step.
    """

    def __init__(self, agent_ids: tuple[int, ...], spec: TeamSpec, agent_id: bool, thread_pool: ThreadPool) -> None:
        """agent_id: True when the input holds the one-hot agent id."""
        self.thread_pool = thread_pool
        self.uses = 0  # uses of the memory so far; each one overwrites the previous activations
        self._spec = spec
        first = spec.obs_dim + spec.n_actions
        self._id_rows = np.array([first + agent if agent_id else NO_ID for agent in agent_ids], np.int64)
        self._memory: dict[str, Numbers] = {}

    def values(self, online: Parameters, target: Parameters, episodes: SampledEpisodes, double_q: bool) -> BatchValues:
        """Compute a batch's Q-values; see algorithms.q_learning.agent."""
        networks = self._network(online, "online"), self._network(target, "target")
        return BatchValues(self, *networks, episodes, double_q)

    def acting(self, online: Parameters, memory: Memory) -> CompiledActing:
        """Return the acting of the agents with their current parameters."""
        return CompiledActing(self._network(online, "acting"), self._spec, memory, self.thread_pool)

    def saved(self, agents: int, moments: int, width: int, dtype: Any) -> SavedActivations:
        """Return memory for the activations of one forward and backward pass."""
        self.uses += 1
        return SavedActivations(
            *self._arrays("kept", [(agents, moments, width)] * len(SavedActivations._fields), dtype)
        )

    def shares(self, blocks: int, network: Network, columns: Episodes) -> Gradients:
        """Return memory for the gradients' shares of a number of blocks; it is not cleared."""
        agents, width, _ = network.head.shape
        obs_dim, n_actions = columns.observations.shape[2], columns.available_actions.shape[2]
        shapes: list[tuple[int, ...]] = [
            (obs_dim + n_actions, width),
            (width,),
            (3, width, width),
            (3, width, width),
            (4, width),
            (n_actions, width),
            (n_actions,),
        ]
        whole = [(blocks, agents, *shape) for shape in shapes]
        return Gradients(*self._arrays("shares", whole, network.head.dtype))

    def add_up(self, gradient_shares: Gradients, gradient: ParameterArrays) -> None:
        """Fill a gradient with the sums over all blocks' shares."""
        agents = len(self._id_rows)

        def work(first: int, last: int) -> None:
            add_up(gradient_shares, self._id_rows, first, last, gradient)

        self.thread_pool.share(work, agents, FEWEST_AGENTS)

    def _network(self, parameters: Parameters, use: str) -> Network:
        """Convert parameters to the kernels' layout; the next call for the same use overwrites the result."""
        given = arrays(parameters)
        agents, width, n_actions = given.head_weight.shape
        columns = n_actions + -n_actions % (WIDE // given.head_weight.itemsize)  # whole tiles (runtime.kernels.product)
        gates = (agents, 3, width, width)
        shapes = [(agents, width), gates, gates, (agents, 4, width), (agents, width, columns), (agents, columns)]
        network = Network(given.fc_weight, *self._arrays(use, shapes, given.head_weight.dtype))

        def work(first: int, last: int) -> None:
            arrange(given, self._id_rows, first, last, network)

        self.thread_pool.share(work, agents, FEWEST_AGENTS)
        return network

    def _arrays(self, use: str, shapes: list[tuple[int, ...]], dtype: Any) -> list[Numbers]:
        """Return arrays that are consecutive in the memory of one use."""
        sizes = [prod(shape) for shape in shapes]
        memory = self._memory.get(use)
        if memory is None or memory.size < sum(sizes) or memory.dtype != dtype:
            memory = self._memory[use] = np.empty(sum(sizes), dtype)
        ends = np.cumsum(sizes).tolist()
        return [memory[end - size : end].reshape(shape) for end, size, shape in zip(ends, sizes, shapes, strict=True)]


class CompiledActing:
    """The acting of a stack of agents in a batch of episodes; see clients.acting.Actor."""

    def __init__(self, network: Network, spec: TeamSpec, memory: Memory, thread_pool: ThreadPool) -> None:
        """memory: as at the episodes' beginning; it is advanced in place."""
        self._network, self._memory, self._thread_pool = network, memory, thread_pool
        shape = memory.last_actions.shape
        # The world's arrays are copied: they may be read-only, for which the kernel would be compiled once more.
        self._observations = np.empty((*shape, spec.obs_dim), np.float32)
        self._available = np.empty((*shape, spec.n_actions), np.bool_)
        q = np.empty((*shape, spec.n_actions), np.float32)
        self._choices = Choices(q, np.empty(shape, np.int64), np.empty(shape, np.bool_))

    def choose(self, observations: Floats, available: Bools, epsilon: float, draws: ExplorationDraws) -> Choices:
        """Advance by one moment; the next call overwrites the arrays returned.

        observations: [agents, episodes, obs_dim]. available: [agents, episodes, n_actions].
        """
        self._observations[:], self._available[:] = observations, available
        contiguous = ExplorationDraws(*map(np.ascontiguousarray, draws))  # a slice would be a type of its own, too
        given = self._observations, self._available, self._memory, epsilon, contiguous, self._choices
        agents, episodes = self._memory.last_actions.shape
        self._thread_pool.share(
            lambda first, last: act(self._network, first, last, *given), agents, -(-FEWEST // episodes)
        )
        return self._choices


def arrays(parameters: Parameters) -> ParameterArrays:
    """Return named tensors on a CPU as numpy arrays that share their memory."""
    return ParameterArrays(*(parameters[name].detach().numpy() for name in PARAMETER_NAMES))


def gradient_arrays(parameters: Parameters) -> ParameterArrays:
    """Return named tensors' gradients, which must all exist, as numpy arrays of shared memory."""
    return ParameterArrays(*(_gradient(parameters[name]).numpy() for name in PARAMETER_NAMES))


def _gradient(parameter: torch.Tensor) -> torch.Tensor:
    assert parameter.grad is not None
    return parameter.grad
