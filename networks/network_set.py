"""The networks of each agent for one algorithm: all of one architecture, with separate parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from fedqmix.networks.base import Network, Parameters
from fedqmix.runtime.core import seeds


class NetworkSet:
    """Networks by name. The first one's parameters have no prefix; another one's begin with its name and a dot."""

    def __init__(self, names: Sequence[str], network: Network) -> None:
        """names: the networks of an algorithm's agent half. network: the architecture of each."""
        self.names, self.network = tuple(names), network

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter of one agent, by its full name."""
        one = self.network.shapes()
        return {self._prefix(name) + key: tuple(shape) for name in self.names for key, shape in one.items()}

    def draw(self, agent_ids: tuple[int, ...], seed: int) -> Parameters:
        """Draw the initial parameters of a stack, with a generator for each agent and network."""
        drawn: Parameters = {}
        for name in self.names:
            role = "initial parameters" if not self._prefix(name) else f"initial parameters of {name}"
            generators = [seeds.generator(seed, role, agent) for agent in agent_ids]
            own = self.network.parameters(agent_ids, generators)
            drawn |= {self._prefix(name) + key: value for key, value in own.items()}
        return drawn

    def of(self, name: str, parameters: Mapping[str, torch.Tensor]) -> Parameters:
        """Return one network's parameters under its own names."""
        prefix, others = self._prefix(name), tuple(f"{other}." for other in self.names[1:])
        if prefix:
            return {key[len(prefix) :]: value for key, value in parameters.items() if key.startswith(prefix)}
        return {key: value for key, value in parameters.items() if not key.startswith(others)}

    def _prefix(self, name: str) -> str:
        return "" if name == self.names[0] else f"{name}."
