"""The mixer of TransfQMix: a recurrent transformer over the state's entities, whose tokens are the mixing network.

    [.., a_1 .. a_N, r_1, r_2, r_3] = blocks([embed(entities), h_1 .. h_N, r_1', r_2', r_3'])
    Q_total = |r_2|^T elu( sum_i q_i |a_i| + r_1 ) + relu(value(r_3))

h_i: the features of agent i's network; r': the three recurrent tokens after the moment before, zeros at an episode's
beginning. transf_state has no h: a_i is the token of agent i's row of the state. The state's last actions are left out,
so no parameter's shape depends on the number of agents or enemies. (Gallici et al. 2023, arXiv 2301.05334;
mttga/pymarl_transformers, which starts with N recurrent tokens by mistake: its issue 5.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from fedqmix.algorithms.transf_qmix.settings import TransfQmixSettings
from fedqmix.networks.transformer_blocks import block_shapes, transform
from fedqmix.runtime.core.entity_tensors import EntityReader, OnDevices
from fedqmix.runtime.core.spaces import entity_table
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import TeamSpec

RECURRENT = 3
LAST_ACTIONS = "last_"


class Blocks(nn.Module):
    """Transformer blocks (networks.transformer_blocks) as one module. Weights begin in PyTorch's default range."""

    def __init__(self, width: int, heads: int, blocks: int) -> None:
        super().__init__()
        self._sizes = heads, blocks
        self._names = tuple(block_shapes(width, heads, blocks))
        shapes = block_shapes(width, heads, blocks)
        self.parameters_by_name = nn.ParameterDict()
        for name, shape in shapes.items():
            if name.endswith(("norm.weight", "norm.bias")):
                value = torch.full(shape, float(name.endswith("weight")))
            else:
                bound = shapes[name.replace("bias", "weight")][0] ** -0.5
                value = torch.empty(shape).uniform_(-bound, bound)
            self.parameters_by_name[_stored(name)] = nn.Parameter(value)

    def forward(self, tokens: torch.Tensor, hidden: torch.Tensor | None) -> torch.Tensor:
        """tokens: [episodes, tokens, width]. hidden: [episodes, tokens] bool. Returns the tokens behind the blocks."""
        parameters = {name: self.parameters_by_name[_stored(name)].unsqueeze(0) for name in self._names}
        unread = None if hidden is None else hidden.unsqueeze(0)
        return transform(parameters, tokens.unsqueeze(0), *self._sizes, unread).squeeze(0)


def _stored(name: str) -> str:
    """Return the name in nn.ParameterDict, which allows no dots."""
    return name.replace(".", "_")


class Mixing(NamedTuple):
    """The mixing networks of some moments."""

    weight_1: torch.Tensor  # [moments, agents, width], >= 0
    bias_1: torch.Tensor  # [moments, width]
    weight_2: torch.Tensor  # [moments, width], >= 0
    value: torch.Tensor  # [moments]

    def at(self, moments: torch.Tensor) -> Mixing:
        """Return the mixing networks of some of the moments: [count] indices."""
        return Mixing(*(part.index_select(0, moments) for part in self))

    def total(self, q: torch.Tensor) -> torch.Tensor:
        """Return Q_total: [1, moments]. q: [agents, moments]."""
        hidden = (q.t().unsqueeze(2) * self.weight_1).sum(1) + self.bias_1
        return ((nn.functional.elu(hidden) * self.weight_2).sum(1) + self.value).unsqueeze(0)


class TransformerMixer(nn.Module):
    """The transformer and its embedding of entities. Raises ConfigurationError when the world has no entities."""

    def __init__(self, spec: TeamSpec, settings: TransfQmixSettings) -> None:
        super().__init__()
        table = entity_table(spec.state, "state").without(LAST_ACTIONS)
        self._reader, self._agents = EntityReader(table), OnDevices(torch.tensor(table.own))
        self._width = settings.token_width
        self.embed = nn.Linear(table.features, self._width)
        self.blocks = Blocks(self._width, settings.mixer_heads, settings.mixer_blocks)
        self.value = nn.Linear(self._width, 1)

    def forward(
        self,
        states: torch.Tensor,
        order: Timeline,
        embeddings: torch.Tensor | None,
        exists: torch.Tensor | None,
    ) -> Mixing:
        """Return the mixing network of every moment.

        states: [moments, state_dim]. embeddings: [agents, moments, token_width]; None: the agents' rows of the state
        are their tokens. exists: [agents, moments] bool; None: all exist. No token reads those of agents that do not.
        """
        tokens = self.embed(self._reader.read(states).features)  # [moments, entities, width]
        agents = self._agents.on(states.device)
        if embeddings is not None:
            agents = tokens.shape[1] + torch.arange(len(agents), device=states.device)
            tokens = torch.cat([tokens, embeddings.transpose(0, 1)], dim=1)
        hidden = None if exists is None else self._hidden(exists, agents, tokens)
        recurrent = tokens.new_zeros(order.batch, RECURRENT, self._width)
        found = []
        for count, begin in zip(order.counts.tolist(), order.offsets.tolist(), strict=False):
            now = slice(begin, begin + count)
            whole = torch.cat([tokens[now], recurrent[:count]], dim=1)
            found.append(self.blocks(whole, None if hidden is None else hidden[now]))
            recurrent = found[-1][:, -RECURRENT:]
        out = torch.cat(found)
        bias_1, weight_2, last = out[:, -RECURRENT:].unbind(1)
        value = self.value(last).relu().squeeze(1)
        return Mixing(out.index_select(1, agents).abs(), bias_1, weight_2.abs(), value)

    def _hidden(self, exists: torch.Tensor, agents: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Return the tokens of agents that do not exist: [moments, tokens and the recurrent ones] bool."""
        absent = ~exists.t()  # [moments, agents]
        none = torch.zeros(len(tokens), tokens.shape[1] + RECURRENT, dtype=torch.bool, device=tokens.device)
        return none.index_copy(1, self._agents.on(tokens.device), absent).index_copy(1, agents, absent)
