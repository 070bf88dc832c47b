"""The mixer of REFIL: QMIX's mixing network, whose weights come from attention over the state's entities.

    Q_total = w2(s)^T elu( sum_i q_i W1_i(s) + b1(s) ) + v(s)

W1, b1, w2 and v are each a hypernetwork of its own: attention with the agents' rows as queries, then a layer for each
row. W1_i is agent i's row, b1 and w2 the mean over the rows, v the mean over rows and columns. The softmax over its
columns makes W1_i, and w2, non-negative. Means divide by the largest team, also where some agents do not exist.
(Iqbal et al. 2021, arXiv 2006.04222, appendix; shariqiqbal2810/REFIL, FlexQMixer.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from fedqmix.algorithms.refil.settings import FlexQmixSettings
from fedqmix.networks.layers import attend
from fedqmix.runtime.core.entity_tensors import EntityReader, OnDevices
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import entity_table
from fedqmix.runtime.core.world import TeamSpec


class Scene(NamedTuple):
    """The entities of some states, and which of them exist."""

    rows: torch.Tensor  # [transitions, entities, features]
    absent: torch.Tensor  # [transitions, entities] bool
    absent_agents: torch.Tensor  # [transitions, agents] bool


class EntityHypernetwork(nn.Module):
    """A row of weights for each agent, by attention over all entities: [transitions, agents, outputs]."""

    def __init__(self, features: int, width: int, heads: int, outputs: int, own: tuple[int, ...]) -> None:
        """own: the agents' rows, in agent order."""
        super().__init__()
        self._heads, self._own = heads, OnDevices(torch.tensor(own))
        self.embed = nn.Linear(features, width)
        self.queries, self.keys, self.values = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.out, self.head = nn.Linear(width, width), nn.Linear(width, outputs)

    def forward(self, scene: Scene, hidden: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        """Return the weights for each mask of `hidden`; rows of agents that do not exist are 0.

        hidden: [transitions, agents or 1, entities] bool each, entities that an agent's row may not read.
        """
        rows = self.embed(scene.rows).relu()
        queries = self.queries(rows.index_select(1, self._own.on(rows.device)))
        keys, values = self.keys(rows), self.values(rows)
        absent = scene.absent_agents.unsqueeze(-1)
        found = (attend(queries, keys, values, self._heads, one) for one in hidden)
        return [self.head(self.out(one)).masked_fill(absent, 0) for one in found]


class Mixing(NamedTuple):
    """The mixing network of some states."""

    bias_1: torch.Tensor  # [transitions, embed]
    weight_2: torch.Tensor  # [transitions, embed], >= 0
    value: torch.Tensor  # [transitions]

    def total(self, q: torch.Tensor, weight_1: torch.Tensor) -> torch.Tensor:
        """Return Q_total: [1, transitions].

        q: [agents, transitions]. weight_1: [transitions, agents, embed]; several layers' q and weights may be one.
        """
        hidden = (q.t().unsqueeze(2) * weight_1).sum(1) + self.bias_1
        return ((nn.functional.elu(hidden) * self.weight_2).sum(1) + self.value).unsqueeze(0)


class FlexMixer(nn.Module):
    """The four hypernetworks.

    Raises ConfigurationError when the world has no entities, or the heads do not divide the attention's width.
    """

    def __init__(self, spec: TeamSpec, settings: FlexQmixSettings) -> None:
        super().__init__()
        table = entity_table(spec.state, "state")
        width, heads = settings.mixer_width, settings.mixer_heads
        if width % heads:
            raise ConfigurationError(
                f"algorithm.mixer_heads={heads} must divide the width of the mixer's attention, "
                f"algorithm.mixer_width={width}."
            )
        self._reader, self._agents = EntityReader(table), OnDevices(torch.tensor(table.own))
        sizes = table.features, width, heads, settings.mixing_embed, table.own
        self.weight_1, self.bias_1, self.weight_2, self.value = (EntityHypernetwork(*sizes) for _ in range(4))

    def scene(self, state: torch.Tensor, exists: torch.Tensor | None) -> Scene:
        """Return the entities of states.

        state: [transitions, state_dim]. exists: [agents, transitions] bool; None: all agents exist. Other entities
        exist unless their row is 0.
        """
        rows, visible = self._reader.read(state)
        agents = self._agents.on(state.device)
        there = torch.ones_like(visible[:, : len(agents)]) if exists is None else exists.t()
        return Scene(rows, ~visible.index_copy(1, agents, there), ~there)

    def mixing(self, scene: Scene) -> Mixing:
        """Return the part of the mixing network behind its first weights."""
        everyone = (scene.absent.unsqueeze(1),)
        (bias,), (weight,), (value,) = (net(scene, everyone) for net in (self.bias_1, self.weight_2, self.value))
        return Mixing(bias.mean(1), weight.mean(1).softmax(-1), value.mean((1, 2)))

    def first_weights(self, scene: Scene, *hidden: torch.Tensor) -> list[torch.Tensor]:
        """Return W1 [transitions, agents, embed] with all entities, then with each mask of hidden ones.

        hidden: [transitions, agents, entities] bool each.
        """
        absent = scene.absent.unsqueeze(1)
        found = self.weight_1(scene, (absent, *(absent | one for one in hidden)))
        return [weights.softmax(-1) for weights in found]

    def forward(self, q: torch.Tensor, state: torch.Tensor, exists: torch.Tensor | None = None) -> torch.Tensor:
        """Return Q_total: [1, transitions]. q: [agents, transitions]. state, exists: see `scene`."""
        scene = self.scene(state, exists)
        (weight_1,) = self.first_weights(scene)
        return self.mixing(scene).total(existing(q, exists), weight_1)


def existing(q: torch.Tensor, exists: torch.Tensor | None) -> torch.Tensor:
    """Return Q-values with 0 for agents that do not exist. q, exists: [agents, transitions]."""
    return q if exists is None else q.masked_fill(~exists, 0)
