"""One agent's Q-network as an ordinary `torch.nn.Module`, with the layout of weights that PyTorch's layers have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import nn

from fedqmix.networks import layers
from fedqmix.networks.base import Network, Seen
from fedqmix.networks.entity_network import EntityNetwork
from fedqmix.networks.gru import Gru
from fedqmix.networks.mlp import Mlp
from fedqmix.networks.module import ModuleNetwork
from fedqmix.runtime.core.errors import ConfigurationError


class OrdinaryNetwork(nn.Module, ABC):
    """The Q-network of one agent. It holds no recurrent state; `forward` takes and returns it.

    memory_width: the width of the recurrent state; 0 without any.
    """

    memory_width = 0

    def __init__(self, network: Network, agent: int) -> None:
        super().__init__()
        self.spec, self.agent = network.spec, agent
        self._settings = network.settings
        self._inputs = layers.input_width(network.spec, self._settings)

    def forward(
        self,
        observations: torch.Tensor,
        last_actions: torch.Tensor | None = None,
        memory: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Advance by one moment.

        observations: [rows, obs_dim] float32. last_actions: [rows] int64, -1 before an episode's first action; None:
        -1 in every row. memory: [rows, memory_width], the previous call's; None: the beginning of every episode.
        Returns Q-values [rows, n_actions], of unavailable actions too, and the new memory.
        """
        if memory is None:
            memory = observations.new_zeros(len(observations), self.memory_width)
        seen = self.seen(observations, last_actions)
        return self.values(layers.flat_input(seen, self.spec, self._settings)[0], memory)

    def seen(self, observations: torch.Tensor, last_actions: torch.Tensor | None) -> Seen:
        """Return the arguments of `forward` as those of a stack of this one agent."""
        if last_actions is None:
            last_actions = torch.full((len(observations),), -1, dtype=torch.int64, device=observations.device)
        ids = torch.tensor([self.agent], dtype=torch.int64, device=observations.device)
        return Seen(observations.unsqueeze(0), last_actions.unsqueeze(0), ids)

    @abstractmethod
    def values(self, inputs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return Q-values and the new memory. inputs: [rows, input_width] (networks.layers.flat_input)."""

    def load_own(self, parameters: Mapping[str, torch.Tensor]) -> None:
        """Copy the agent's parameters, by the names and in the layout of its Network: [inputs, outputs] weights."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                own = parameters[name]
                parameter.copy_(own.T if own.dim() == 2 else own)


class OrdinaryGru(OrdinaryNetwork):
    """nn.Linear `fc`, ReLU, nn.GRUCell `gru`, nn.Linear `head` (networks.gru)."""

    def __init__(self, network: Gru, agent: int) -> None:
        super().__init__(network, agent)
        self.memory_width = width = network.settings.hidden
        self.fc = nn.Linear(self._inputs, width)
        self.gru = nn.GRUCell(width, width)
        self.head = nn.Linear(width, network.spec.n_actions)

    def values(self, inputs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See OrdinaryNetwork."""
        memory = self.gru(self.fc(inputs).relu(), memory)
        return self.head(memory), memory


class OrdinaryMlp(OrdinaryNetwork):
    """nn.Linear `fc1` and `fc2`, each with ReLU, and nn.Linear `head` (networks.mlp)."""

    def __init__(self, network: Mlp, agent: int) -> None:
        super().__init__(network, agent)
        width = network.settings.hidden
        self.fc1 = nn.Linear(self._inputs, width)
        self.fc2 = nn.Linear(width, width)
        self.head = nn.Linear(width, network.spec.n_actions)

    def values(self, inputs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See OrdinaryNetwork."""
        return self.head(self.fc2(self.fc1(inputs).relu()).relu()), memory


class OrdinaryModule(OrdinaryNetwork):
    """A user's module (networks.module), as `module`; its parameters already have PyTorch's layout."""

    def __init__(self, network: ModuleNetwork, agent: int) -> None:
        super().__init__(network, agent)
        self.memory_width = network.memory_width
        with torch.random.fork_rng(devices=[]):  # the module draws initial weights, which are replaced
            self.module = network.module(self._inputs, network.spec.n_actions)

    def values(self, inputs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See OrdinaryNetwork."""
        values, new = self.module(inputs, memory)
        return values, new

    def load_own(self, parameters: Mapping[str, torch.Tensor]) -> None:
        """Copy the agent's parameters, by the module's own names."""
        self.module.load_state_dict(dict(parameters))


class OrdinaryEntityNetwork(OrdinaryNetwork):
    """A network over entities, whose parameters have its names and its layout: weights are [inputs, outputs]."""

    def __init__(self, network: EntityNetwork, agent: int) -> None:
        super().__init__(network, agent)
        self.memory_width = network.settings.hidden
        self._network = network
        for name, shape in network.shapes().items():
            *path, last = name.split(".")
            place: nn.Module = self
            for part in path:
                if part not in dict(place.named_children()):
                    place.add_module(part, nn.Module())
                place = place.get_submodule(part)
            place.register_parameter(last, nn.Parameter(torch.zeros(shape)))

    def forward(
        self,
        observations: torch.Tensor,
        last_actions: torch.Tensor | None = None,
        memory: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See OrdinaryNetwork; as a stack of one agent."""
        seen = self.seen(observations, last_actions)
        if memory is None:
            memory = observations.new_zeros(len(observations), self.memory_width)
        parameters = {name: value.unsqueeze(0) for name, value in self.named_parameters()}
        values, new = self._network.step(parameters, seen, memory.unsqueeze(0))
        return values[0], new[0]

    def values(self, inputs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Raise NotImplementedError: rows of entities have no flat input."""
        raise NotImplementedError

    def load_own(self, parameters: Mapping[str, torch.Tensor]) -> None:
        """Copy the agent's parameters."""
        self.load_state_dict(dict(parameters))


def ordinary(network: Network, agent: int, parameters: Mapping[str, torch.Tensor]) -> OrdinaryNetwork:
    """Return one agent's network as an ordinary module with copies of its parameters.

    agent: its id in the team. parameters: the agent's own, without an agent axis, by name.
    Raises ConfigurationError for a network of another kind: none of ours, and not a ModuleNetwork.
    """
    made: OrdinaryNetwork
    if type(network) is Gru:
        made = OrdinaryGru(network, agent)
    elif type(network) is Mlp:
        made = OrdinaryMlp(network, agent)
    elif isinstance(network, EntityNetwork):
        made = OrdinaryEntityNetwork(network, agent)
    elif isinstance(network, ModuleNetwork):
        made = OrdinaryModule(network, agent)
    else:
        raise ConfigurationError(
            f"model.code={network.settings.code} cannot be an ordinary module: derive the network from "
            "fedqmix.networks.ModuleNetwork, whose layers are one."
        )
    made.load_own(parameters)
    return made
