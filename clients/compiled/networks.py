"""The kernels as the rest of the room calls them: acting, and Q-values that autograd knows the way back from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clients.compiled.acting import Chances, Choices, Memory, act
from clients.compiled.arrays import Kept, Network
from clients.compiled.gradient import TeamQValues
from clients.network import PARAMETER_NAMES, Parameters
from contracts.world import Bools, Floats, TeamSpec
from kernels.crew import Crew
from kernels.product import WIDE

if TYPE_CHECKING:
    from clients.buffer import EpisodeBatch

FEWEST = 128  # of a thread's agents times battles; acting in fewer takes less time than handing it over


class CompiledNetworks:
    """Both networks of a stack of agents, computed by as many threads as crews have.

    It owns the room that the kernels work in, which is used again in every training step: asking the system for
    new memory and clearing it would take a tenth of a step.
    """

    def __init__(self, agent_ids: tuple[int, ...]) -> None:
        self.agent_ids = agent_ids
        self.crew = Crew()
        self.uses = 0  # how often the room was given away: what it held before is then gone
        self._room: Any = np.zeros(0)

    def team_q_values(
        self, online: Parameters, target: Parameters, episodes: EpisodeBatch, double_q: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See clients.learning.team_q_values."""
        values = [online[name] for name in PARAMETER_NAMES]
        q_taken, q_next = TeamQValues.apply(self, target, episodes, double_q, *values)  # type: ignore[no-untyped-call]
        return q_taken, q_next

    def acting(self, online: Parameters, spec: TeamSpec, memory: Memory) -> CompiledActing:
        """Let the agents act with their parameters as they are now."""
        return CompiledActing(self.network(online, spec.obs_dim), spec, memory, self.crew)

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
            head=_whole_tiles(named["head.weight"]).numpy(),
            head_bias=_whole_tiles(named["head.bias"]).numpy(),
        )

    def room(self, agents: int, moments: int, width: int, dtype: Any) -> Kept:
        """Give the room away, for one way forward and back."""
        self.uses += 1
        size = agents * moments * width
        if self._room.size < len(Kept._fields) * size or self._room.dtype != dtype:
            self._room = np.empty(len(Kept._fields) * size, dtype)
        parts = (self._room[i * size : (i + 1) * size] for i in range(len(Kept._fields)))
        return Kept(*(part.reshape(agents, moments, width) for part in parts))


class CompiledActing:
    """Acts through a batch of battles; see clients.acting.Actor."""

    def __init__(self, network: Network, spec: TeamSpec, memory: Memory, crew: Crew) -> None:
        """memory: as at the battles' beginning; it is advanced in place."""
        self._network, self._memory, self._crew = network, memory, crew
        shape = memory.last_actions.shape
        # What the world hands over is copied: it may be read-only, for which the kernel would be compiled once more.
        self._observations = np.empty((*shape, spec.obs_dim), np.float32)
        self._available = np.empty((*shape, spec.n_actions), np.bool_)
        q = np.empty((*shape, spec.n_actions), np.float32)
        self._choices = Choices(q, np.empty(shape, np.int64), np.empty(shape, np.bool_))

    def choose(self, observations: Floats, available: Bools, epsilon: float, chances: Chances) -> Choices:
        """Advance by one moment; the arrays returned are written over by the next call.

        observations: [agents, battles, obs_dim]. available: [agents, battles, n_actions].
        """
        self._observations[:], self._available[:] = observations, available
        given = self._observations, self._available, self._memory, epsilon, chances, self._choices
        agents, battles = self._memory.last_actions.shape
        self._crew.share(lambda first, last: act(self._network, first, last, *given), agents, -(-FEWEST // battles))
        return self._choices


def _whole_tiles(tensor: torch.Tensor) -> torch.Tensor:
    """Add columns of zeros until a row is whole tiles; see kernels.product."""
    missing = -tensor.shape[-1] % (WIDE // tensor.itemsize)
    return torch.nn.functional.pad(tensor, (0, missing)).contiguous()


def _by_gate(weight: torch.Tensor) -> torch.Tensor:
    """[agents, width, 3 * width] -> [agents, 3, width, width]."""
    agents, width = weight.shape[:2]
    return weight.view(agents, width, 3, width).transpose(1, 2).contiguous()
