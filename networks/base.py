"""The Network: the Q-networks of a stack of agents.

Every tensor has a leading agent axis, so a stack of one is the same program as a stack of N. Parameter names select
the layers that agents share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import TeamSpec

Parameters = dict[str, torch.Tensor]
"""Named tensors [agents, ...]; weights are [agents, inputs, outputs], biases [agents, outputs]."""
Shapes = Mapping[str, tuple[int, ...]]
"""Each parameter's shape for one agent, by name."""
Units = Mapping[str, tuple[str | None, ...]]
"""The group of hidden units along each axis of each parameter, by name; None along inputs and outputs."""


class NetworkSettings(Protocol):
    """The settings that a network is built from (conf.schema.ModelConfig has them)."""

    name: str
    code: str | None
    hidden: int
    initialisation: str
    agent_id: bool
    last_action: bool


class Seen(NamedTuple):
    """The private inputs of each agent at some moments: [agents, rows, ...]."""

    observations: torch.Tensor  # [agents, rows, obs_dim] float32
    last_actions: torch.Tensor  # [agents, rows] int64, -1 before an episode's first action
    agent_ids: torch.Tensor  # [agents] int64, 0 .. n_agents - 1
    hidden: torch.Tensor | None = None
    """[agents, rows, entities] bool, by the entities' numbers (runtime.core.entities): True for those that the network
    may not read, beside the ones that are not visible. None: no other ones. A network without entities refuses it."""

    def at(self, rows: slice) -> Seen:
        """Return some of the rows."""
        hidden = None if self.hidden is None else self.hidden[:, rows]
        return Seen(self.observations[:, rows], self.last_actions[:, rows], self.agent_ids, hidden)

    def of_agents(self, own: slice) -> Seen:
        """Return some of the stack's agents."""
        hidden = None if self.hidden is None else self.hidden[own]
        return Seen(self.observations[own], self.last_actions[own], self.agent_ids[own], hidden)


class FeatureLayer(NamedTuple):
    """The layer of a network whose values are its features: the input of the last, linear layer."""

    width: int
    group: str  # the group of its units in `Network.units`


class Network(ABC):
    """A Q-network of every agent of a stack. It holds no parameters and no recurrent state; both are passed in."""

    hides_entities: ClassVar[bool] = False
    """Whether the network reads entities, and leaves out those of Seen.hidden."""

    def __init__(self, spec: TeamSpec, settings: NetworkSettings, outputs: int | None = None) -> None:
        """spec: the team's sizes. settings: the model group. outputs: the number of outputs; None: spec.n_actions."""
        self.spec, self.settings = spec, settings
        self.outputs = spec.n_actions if outputs is None else outputs
        """The width of the last layer: a value or logit for each action, unless an algorithm needs another number."""

    @abstractmethod
    def shapes(self) -> Shapes:
        """Return the shape of each parameter of one agent, by name; strategy.shared selects by these names."""

    def units(self) -> Units:
        """Return the group of hidden units along each axis of each parameter of `shapes`.

        A group is a hidden layer; its name is any text. An axis several times as long as its group is wide has a block
        of the group for each gate. A network of fewer units (`model.hidden`) has the same names and groups, and
        computes what this one computes when the parameters of all other units are zero. Strategies of sub-networks
        (docs/adaptive.md) need this; other strategies never ask. Raises ConfigurationError unless overridden.
        """
        raise ConfigurationError(
            f"{type(self).__name__} does not declare its hidden units, of which a strategy of sub-networks gives each "
            "agent a part: override `units` (docs/own_methods.md), or choose strategy=clusters or strategy=a_pps."
        )

    @abstractmethod
    def draw(self, random: np.random.Generator) -> Mapping[str, NDArray[np.float32]]:
        """Draw the initial parameters of one agent, in the shapes of `shapes`."""

    @abstractmethod
    def begin(self, agents: int, episodes: int, device: torch.device) -> torch.Tensor:
        """Return the recurrent state before the first moment: [agents, episodes, width]; width 0 without any."""

    @abstractmethod
    def step(self, parameters: Parameters, seen: Seen, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Advance every episode by one moment.

        seen: its rows are episodes. memory: the recurrent state from `begin` or the previous call,
        [agents, rows, width].
        Returns [agents, rows, outputs], Q-values or logits of the actions unless `outputs` is another number, and the
        new memory; both differentiable in the parameters.
        """

    def unroll(self, parameters: Parameters, seen: Seen, order: Timeline) -> torch.Tensor:
        """Return the outputs of whole episodes: [agents, moments, outputs].

        seen: its rows are the moments in the timeline's order. The default calls `step` for each time of the timeline.
        A network that can compute several moments at once overrides this.
        """
        memory = self.begin(len(seen.observations), order.batch, seen.observations.device)
        outputs = []
        for time, count in enumerate(order.counts.tolist()):
            moments = seen.at(slice(int(order.offsets[time]), int(order.offsets[time]) + count))
            output, memory = self.step(parameters, moments, memory[:, :count])
            outputs.append(output)
        return torch.cat(outputs, dim=1)

    def feature_layer(self) -> FeatureLayer:
        """Return the layer whose values `unroll_features` returns. Raises ConfigurationError unless overridden."""
        raise ConfigurationError(
            f"{type(self).__name__} does not give its features, which algorithm=qtran encodes and transf_qmix sends: "
            "override `feature_layer` and `unroll_features` (docs/own_methods.md), or choose model=gru or model=mlp."
        )

    def unroll_features(self, parameters: Parameters, seen: Seen, order: Timeline) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the outputs of `unroll` and the features [agents, moments, feature_layer().width], both with graph.

        Arguments: as of `unroll`. Raises ConfigurationError unless overridden, as `feature_layer` does.
        """
        raise ConfigurationError(f"{type(self).__name__} does not override `unroll_features` (docs/own_methods.md).")

    def unroll_hidden(
        self, parameters: Parameters, seen: Seen, order: Timeline, hidden: Sequence[torch.Tensor | None]
    ) -> list[torch.Tensor]:
        """Return the outputs of `unroll` for each mask of hidden entities (Seen.hidden), None for no mask.

        The default unrolls once for each; a network that can share work between the masks overrides this.
        """
        return [self.unroll(parameters, seen._replace(hidden=one), order) for one in hidden]

    def parameters(self, agent_ids: tuple[int, ...], generators: list[np.random.Generator]) -> Parameters:
        """Draw the initial parameters of a stack. generators: one for each agent."""
        assert len(generators) == len(agent_ids)
        return stacked([self.draw(random) for random in generators])


def stacked(drawn: Sequence[Mapping[str, NDArray[np.float32]]]) -> Parameters:
    """Return the parameters of a stack from those of each agent, by name."""
    return {name: torch.from_numpy(np.stack([one[name] for one in drawn])) for name in drawn[0]}
