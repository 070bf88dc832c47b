"""The recurrent transformer of TransfQMix's agents (Gallici et al. 2023, arXiv 2301.05334; mttga/pymarl_transformers).

    [h', e_1', ..., e_k'] = blocks([h, embed(row 1), ..., embed(row k)])        h' is the next moment's h
    q of an action without a target = head(h')        q of an action that targets entity j = entity_head(e_j')

The last line is policy decoupling (Hu et al. 2021, arXiv 2101.08001): no parameter's shape depends on the number of
agents or enemies. Without it, q = head(h') for all actions. Entities that are not seen are tokens of zeros, which are
read as all others are. An action with two possible targets (attack enemy 0, of a medivac: heal agent 0) has the sum of
both; the published code reads the enemy's token for a heal.
"""

from __future__ import annotations

import torch

from fedqmix.networks import layers
from fedqmix.networks.base import FeatureLayer, NetworkSettings, Parameters, Seen, Shapes
from fedqmix.networks.entity_network import EntityNetwork
from fedqmix.networks.settings import TransformerSettings
from fedqmix.networks.transformer_blocks import block_shapes, transform
from fedqmix.runtime.core.entities import NO_ACTION
from fedqmix.runtime.core.entity_tensors import OnDevices
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import TeamSpec


class Transformer(EntityNetwork):
    """Blocks of `model.hidden` wide tokens over the entities and the recurrent token, which is the memory."""

    settings: TransformerSettings

    def __init__(self, spec: TeamSpec, settings: NetworkSettings, outputs: int | None = None) -> None:
        """Raises ConfigurationError for policy decoupling in a world where no action targets an entity."""
        super().__init__(spec, settings, outputs)
        self.decoupled = self.settings.policy_decoupling and outputs is None
        if not self.decoupled:
            return
        targets = torch.tensor([self.table.targets(agent) for agent in range(spec.n_agents)])  # [agents, count]
        targeting = sorted(set(targets.flatten().tolist()) - {NO_ACTION})
        if not targeting:
            raise ConfigurationError(
                "model.policy_decoupling=true needs actions that target entities, and this world has none: write "
                "model.policy_decoupling=false."
            )
        actions = torch.arange(spec.n_actions)
        self._others = [action for action in range(spec.n_actions) if action not in targeting]
        self._others_at = OnDevices((actions == torch.tensor(self._others).unsqueeze(1)).float())  # [others, n_actions]
        self._targets = OnDevices((targets.unsqueeze(-1) == actions).float())  # [agents, count, n_actions]

    def shapes(self) -> Shapes:
        """See Network."""
        width = self.settings.hidden
        outputs = len(self._others) if self.decoupled else self.outputs
        found = {"embed.weight": (self.row_width, width), "embed.bias": (width,)}
        found |= block_shapes(width, self.settings.attention_heads, self.settings.attention_blocks)
        found |= {"head.weight": (width, outputs), "head.bias": (outputs,)}
        if self.decoupled:
            found |= {"entity_head.weight": (width, 1), "entity_head.bias": (1,)}
        return found

    def step(self, parameters: Parameters, seen: Seen, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See Network."""
        rows, _, hidden = self.embed(parameters, seen)
        tokens = self._advance(parameters, rows, hidden, memory)
        return self._values(parameters, tokens, seen), tokens[:, :, 0]

    def unroll(self, parameters: Parameters, seen: Seen, order: Timeline) -> torch.Tensor:
        """See Network; rows are embedded, and values computed, for all moments at once."""
        return self.unroll_features(parameters, seen, order)[0]

    def feature_layer(self) -> FeatureLayer:
        """See Network; the recurrent token after the moment."""
        return FeatureLayer(self.settings.hidden, "token")

    def unroll_features(self, parameters: Parameters, seen: Seen, order: Timeline) -> tuple[torch.Tensor, torch.Tensor]:
        """See Network."""
        rows, _, hidden = self.embed(parameters, seen)
        memory = self.begin(len(rows), order.batch, rows.device)
        found = []
        for count, begin in zip(order.counts.tolist(), order.offsets.tolist(), strict=False):
            now = slice(begin, begin + count)
            unread = None if hidden is None else hidden[:, now]
            found.append(self._advance(parameters, rows[:, now], unread, memory[:, :count]))
            memory = found[-1][:, :, 0]
        tokens = torch.cat(found, dim=1)
        return self._values(parameters, tokens, seen), tokens[:, :, 0]

    def _advance(
        self, parameters: Parameters, rows: torch.Tensor, hidden: torch.Tensor | None, memory: torch.Tensor
    ) -> torch.Tensor:
        """Return the tokens after all blocks, the recurrent one first: [agents, rows, 1 + count, width]."""
        tokens = torch.cat([memory.unsqueeze(2), rows], dim=2)
        unread = None if hidden is None else torch.nn.functional.pad(hidden, (1, 0))
        return transform(parameters, tokens, self.settings.attention_heads, self.settings.attention_blocks, unread)

    def _values(self, parameters: Parameters, tokens: torch.Tensor, seen: Seen) -> torch.Tensor:
        """Return the outputs [agents, rows, outputs] of tokens [agents, rows, 1 + count, width]."""
        values = layers.linear(parameters, "head", tokens[:, :, 0])
        if not self.decoupled:
            return values
        of_rows = layers.linear(parameters, "entity_head", tokens[:, :, 1:]).squeeze(-1)  # [agents, rows, count]
        others, targets = (one.on(tokens.device).to(tokens.dtype) for one in (self._others_at, self._targets))
        return values @ others + torch.bmm(of_rows, targets[seen.agent_ids])
