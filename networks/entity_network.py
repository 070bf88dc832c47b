"""What networks that read entities have in common: the embedded rows of an observation, and which may be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fedqmix.networks import layers
from fedqmix.networks.base import Network, NetworkSettings, Parameters, Seen
from fedqmix.runtime.core.entity_tensors import EntityReader, OnDevices
from fedqmix.runtime.core.spaces import entity_table
from fedqmix.runtime.core.world import TeamSpec


class Embedded(NamedTuple):
    """The embedded entities of some moments."""

    rows: torch.Tensor  # [agents, moments, count, width]
    unseen: torch.Tensor  # [agents, moments, count] bool, rows of zeros other than the agent's own
    hidden: torch.Tensor | None  # [agents, moments, count] bool, Seen.hidden by rows (`EntityNetwork.by_rows`)


class EntityNetwork(Network):
    """A network over the rows of an observation's entity table.

    The features of a row are those of the table. An agent's own row also has its one-hot last action and id, as the
    settings have it. `tagged`: every row also has the one-hot number of its entity, for a network whose outputs could
    otherwise not tell which entity an action targets.
    Raises ConfigurationError when the world has no entities.
    """

    hides_entities: ClassVar[bool] = True
    tagged: ClassVar[bool] = False

    def __init__(self, spec: TeamSpec, settings: NetworkSettings, outputs: int | None = None) -> None:
        super().__init__(spec, settings, outputs)
        self.table = table = entity_table(spec.observation, "observation")
        self._reader = EntityReader(table)
        agents = range(spec.n_agents)
        own_rows = torch.tensor([table.own_row(agent) for agent in agents])
        numbers = torch.tensor([table.numbers_of(agent) for agent in agents])  # [agents, count]
        self._own = OnDevices(torch.nn.functional.one_hot(own_rows, table.count).bool())  # [agents, count]
        self._numbers = OnDevices(numbers)
        self._tags = OnDevices(torch.nn.functional.one_hot(numbers, table.entities).float())

    @property
    def row_width(self) -> int:
        """The number of features of a row, those of the settings included."""
        spec, settings = self.spec, self.settings
        beside = settings.last_action * spec.n_actions + settings.agent_id * spec.n_agents
        return self.table.features + beside + self.tagged * self.table.entities

    def draw(self, random: np.random.Generator) -> Mapping[str, NDArray[np.float32]]:
        """See Network; model.initialisation as `layers.initial` has it."""
        return layers.initial(random, self.shapes(), self.settings.initialisation, self.settings.hidden)

    def begin(self, agents: int, episodes: int, device: torch.device) -> torch.Tensor:
        """See Network; zeros."""
        return torch.zeros(agents, episodes, self.settings.hidden, device=device)

    def embed(self, parameters: Parameters, seen: Seen) -> Embedded:
        """Return the rows after the layer `embed`, without an activation, and which of them may not be read.

        The layer is linear, so each part of a row's features is multiplied by its part of the weights: the own row's
        and the number's parts need no row of mostly zeros.
        """
        read, ids = self._reader.read(seen.observations), seen.agent_ids
        of_table, beside, tags = torch.split(parameters["embed.weight"], self._parts(), dim=1)
        own = self._own.on(ids.device)[ids]  # [agents, count]
        layer = {"embed.weight": of_table, "embed.bias": parameters["embed.bias"]}
        rows = layers.linear(layer, "embed", read.features)  # [agents, moments, count, width]
        alone = torch.bmm(layers.beside(seen, self.spec, self.settings), beside)  # [agents, moments, width]
        rows = rows + own[:, None, :, None] * alone.unsqueeze(2)
        if self.tagged:
            rows = rows + torch.bmm(self._tags.on(ids.device)[ids].to(tags.dtype), tags).unsqueeze(1)
        return Embedded(rows, ~(read.visible | own.unsqueeze(1)), self.by_rows(seen.hidden, seen))

    def own_rows(self, rows: torch.Tensor, seen: Seen) -> torch.Tensor:
        """Return each agent's own row: [agents, moments, width]. rows: [agents, moments, count, width]."""
        own = self._own.on(rows.device)[seen.agent_ids].int().argmax(-1)  # [agents]
        place = own.view(-1, 1, 1, 1).expand(-1, rows.shape[1], 1, rows.shape[-1])
        return rows.gather(2, place).squeeze(2)

    def _parts(self) -> list[int]:
        tags = self.tagged * self.table.entities
        return [self.table.features, self.row_width - self.table.features - tags, tags]

    def by_rows(self, hidden: torch.Tensor | None, seen: Seen) -> torch.Tensor | None:
        """Return a mask of entities by the rows of each agent: [agents, moments, count]; None for None.

        hidden: [agents, moments, entities] bool, by the entities' numbers.
        """
        if hidden is None:
            return None
        numbers = self._numbers.on(seen.agent_ids.device)[seen.agent_ids]  # [agents, count]
        return hidden.gather(2, numbers.unsqueeze(1).expand(-1, hidden.shape[1], -1))
