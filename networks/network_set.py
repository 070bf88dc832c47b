"""The networks of each agent for one algorithm: all of one architecture, with separate parameters and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from fedqmix.networks.base import Network, Parameters, Seen, Units
from fedqmix.networks.encoder import Encoder
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.timeline import Timeline


class NetworkSet:
    """Networks and encoders by name.

    The first network's parameters have no prefix; those of other networks and of encoders begin with their name and a
    dot. Encoders read the first network's features.
    """

    def __init__(self, networks: Mapping[str, Network], encoders: Mapping[str, Encoder] | None = None) -> None:
        """networks: those of an algorithm's agent half by name; the first one selects actions. encoders: its encoders.

        Raises ConfigurationError when a parameter of the first network has the name of another one's.
        """
        self.names, self.by_name = tuple(networks), dict(networks)
        self.encoders = dict(encoders or {})
        self._others = tuple(f"{other}." for other in (*self.names[1:], *self.encoders))
        if taken := [name for name in self.network.shapes() if name.startswith(self._others)]:
            raise ConfigurationError(
                f"the network's parameter {taken[0]!r} must have another name: with this algorithm, names that begin "
                f"with {' or '.join(self._others)} are those of a further network of the agent."
            )

    @property
    def network(self) -> Network:
        """The network that selects actions."""
        return self.by_name[self.names[0]]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter of one agent, by its full name."""
        each = ((self._prefix(name), part.shapes()) for name, part in self._parts().items())
        return {prefix + key: tuple(shape) for prefix, one in each for key, shape in one.items()}

    def units(self) -> Units:
        """Return the groups of hidden units of every parameter, by its full name (`Network.units`).

        A further network's groups begin with its name and a dot, as its parameters do. Encoders have the first
        network's groups.
        """
        networks = {
            prefix + key: tuple(None if group is None else prefix + group for group in groups)
            for name, network in self.by_name.items()
            for prefix in [self._prefix(name)]
            for key, groups in network.units().items()
        }
        encoders = ((self._prefix(name), encoder.units()) for name, encoder in self.encoders.items())
        return networks | {prefix + key: groups for prefix, one in encoders for key, groups in one.items()}

    def draw(self, agent_ids: tuple[int, ...], seed: int) -> Parameters:
        """Draw the initial parameters of a stack, with a generator for each agent and network."""
        drawn: Parameters = {}
        for name, part in self._parts().items():
            role = "initial parameters" if not self._prefix(name) else f"initial parameters of {name}"
            generators = [seeds.generator(seed, role, agent) for agent in agent_ids]
            own = part.parameters(generators) if isinstance(part, Encoder) else part.parameters(agent_ids, generators)
            drawn |= {self._prefix(name) + key: value for key, value in own.items()}
        return drawn

    def unroll(self, name: str, parameters: Mapping[str, torch.Tensor], seen: Seen, order: Timeline) -> torch.Tensor:
        """Return one network's outputs [agents, moments, outputs]. parameters: of all networks, by full name."""
        return self.by_name[name].unroll(self.of(name, parameters), seen, order)

    def unroll_hidden(
        self,
        parameters: Mapping[str, torch.Tensor],
        seen: Seen,
        order: Timeline,
        hidden: Sequence[torch.Tensor | None],
    ) -> list[torch.Tensor]:
        """Return the first network's outputs for each mask (`Network.unroll_hidden`)."""
        return self.network.unroll_hidden(self.of(self.names[0], parameters), seen, order, hidden)

    def unroll_features(
        self, parameters: Mapping[str, torch.Tensor], seen: Seen, order: Timeline
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the first network's outputs and features [agents, moments, ...] (`Network.unroll_features`)."""
        return self.network.unroll_features(self.of(self.names[0], parameters), seen, order)

    def encode(
        self, name: str, parameters: Mapping[str, torch.Tensor], features: torch.Tensor, actions: torch.Tensor
    ) -> torch.Tensor:
        """Return one encoder's encodings [agents, rows, width]. parameters: of all networks, by full name."""
        return self.encoders[name].encode(self.of(name, parameters), features, actions)

    def of(self, name: str, parameters: Mapping[str, torch.Tensor]) -> Parameters:
        """Return one network's or encoder's parameters under its own names."""
        if prefix := self._prefix(name):
            return {key[len(prefix) :]: value for key, value in parameters.items() if key.startswith(prefix)}
        return {key: value for key, value in parameters.items() if not key.startswith(self._others)}

    def _parts(self) -> dict[str, Network | Encoder]:
        return {**self.by_name, **self.encoders}

    def _prefix(self, name: str) -> str:
        return "" if name == self.names[0] else f"{name}."
