"""A Network around a `torch.nn.Module`, which vmap calls with each agent's parameters."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from threading import get_ident

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.func import functional_call

from fedqmix.networks import layers
from fedqmix.networks.base import Network, NetworkSettings, Parameters, Seen, Shapes
from fedqmix.runtime.core.world import TeamSpec


class ModuleNetwork(Network):
    """A network whose layers are a `torch.nn.Module` for one agent. Derive from it and build the module in `module`.

    The module's forward takes (inputs [rows, input_width], memory [rows, width]) and returns (Q-values
    [rows, n_actions], memory [rows, width]). It may have no buffers and draw no random numbers. An algorithm may need
    a second network with another number of outputs, which `module` then gets as n_actions.
    """

    memory_width = 0
    """The width of an agent's recurrent state."""

    def __init__(self, spec: TeamSpec, settings: NetworkSettings, outputs: int | None = None) -> None:
        super().__init__(spec, settings, outputs)
        with torch.device("meta"):  # only the structure is needed, no weights
            self._structure = self.module(layers.input_width(spec, settings), self.outputs)
        self._structures: dict[int, nn.Module] = {}  # by thread

    @abstractmethod
    def module(self, inputs: int, n_actions: int) -> nn.Module:
        """Return the module of one agent. inputs: the width of the flat input (networks.layers)."""

    def shapes(self) -> Shapes:
        """See Network."""
        return {name: tuple(value.shape) for name, value in self._structure.named_parameters()}

    def draw(self, random: np.random.Generator) -> Mapping[str, NDArray[np.float32]]:
        """See Network; the module initialises its own weights, from a seed that `random` draws."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(random.integers(2**62)))
            drawn = self.module(layers.input_width(self.spec, self.settings), self.outputs)
        return {name: value.detach().numpy().astype(np.float32) for name, value in drawn.named_parameters()}

    def begin(self, agents: int, episodes: int, device: torch.device) -> torch.Tensor:
        """See Network; zeros."""
        return torch.zeros(agents, episodes, self.memory_width, device=device)

    def step(self, parameters: Parameters, seen: Seen, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See Network."""

        # functional_call puts parameters into the module while it runs, so each thread has a module of its own
        structure = self._structures.get(get_ident())
        if structure is None:
            structure = self._structures[get_ident()] = copy.deepcopy(self._structure)

        def one(own: Parameters, inputs: torch.Tensor, remembered: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            values, new = functional_call(structure, own, (inputs, remembered))
            return values, new

        inputs = layers.flat_input(seen, self.spec, self.settings)
        values, new = torch.vmap(one)(parameters, inputs, memory)
        return values, new
