"""The networks of each agent for one algorithm: all of one architecture, with separate parameters and outputs."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fedqmix.networks.base import Network, Parameters, Seen, Units
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.timeline import Timeline


class NetworkSet:
    """Networks by name. The first one's parameters have no prefix; another one's begin with its name and a dot."""

    def __init__(self, networks: Mapping[str, Network]) -> None:
        """networks: those of an algorithm's agent half by name; the first one selects actions."""
        self.names, self.by_name = tuple(networks), dict(networks)

    @property
    def network(self) -> Network:
        """The network that selects actions."""
        return self.by_name[self.names[0]]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter of one agent, by its full name."""
        each = ((self._prefix(name), network.shapes()) for name, network in self.by_name.items())
        return {prefix + key: tuple(shape) for prefix, one in each for key, shape in one.items()}

    def units(self) -> Units:
        """Return the groups of hidden units of every parameter, by its full name (`Network.units`).

        A further network's groups begin with its name and a dot, as its parameters do.
        """
        return {
            prefix + key: tuple(None if group is None else prefix + group for group in groups)
            for name, network in self.by_name.items()
            for prefix in [self._prefix(name)]
            for key, groups in network.units().items()
        }

    def draw(self, agent_ids: tuple[int, ...], seed: int) -> Parameters:
        """Draw the initial parameters of a stack, with a generator for each agent and network."""
        drawn: Parameters = {}
        for name, network in self.by_name.items():
            role = "initial parameters" if not self._prefix(name) else f"initial parameters of {name}"
            generators = [seeds.generator(seed, role, agent) for agent in agent_ids]
            own = network.parameters(agent_ids, generators)
            drawn |= {self._prefix(name) + key: value for key, value in own.items()}
        return drawn

    def unroll(self, name: str, parameters: Mapping[str, torch.Tensor], seen: Seen, order: Timeline) -> torch.Tensor:
        """Return one network's outputs [agents, moments, outputs]. parameters: of all networks, by full name."""
        return self.by_name[name].unroll(self.of(name, parameters), seen, order)

    def of(self, name: str, parameters: Mapping[str, torch.Tensor]) -> Parameters:
        """Return one network's parameters under its own names."""
        prefix, others = self._prefix(name), tuple(f"{other}." for other in self.names[1:])
        if prefix:
            return {key[len(prefix) :]: value for key, value in parameters.items() if key.startswith(prefix)}
        return {key: value for key, value in parameters.items() if not key.startswith(others)}

    def _prefix(self, name: str) -> str:
        return "" if name == self.names[0] else f"{name}."
