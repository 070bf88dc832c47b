"""The recurrent Q-network of REFIL (Iqbal et al. 2021, arXiv 2006.04222; shariqiqbal2810/REFIL): attention to entities.

    x    = relu(embed(rows))                       of every entity
    y    = attention(query: the own row of x, keys and values: the rows of x that may be read)
    q    = head(GRU(relu(fc(out(y)))))

An agent that may read nothing has y = 0. The rows' order does not matter: a row has the number of its entity among its
features, as the published rows have their tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch

from fedqmix.networks import layers
from fedqmix.networks.base import FeatureLayer, NetworkSettings, Parameters, Seen, Shapes
from fedqmix.networks.entity_network import EntityNetwork
from fedqmix.networks.gru_recurrence import gru_cell, unroll
from fedqmix.networks.settings import EntityAttentionSettings
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import TeamSpec


class _Readable(NamedTuple):
    """What the attention computes for all masks."""

    queries: torch.Tensor  # [agents, moments, 1, width]
    keys: torch.Tensor  # [agents, moments, count, width]
    values: torch.Tensor
    unseen: torch.Tensor  # [agents, moments, count] bool


class EntityAttention(EntityNetwork):
    """One attention of 2 hidden units over the entities, and a GRU of `model.hidden` units."""

    settings: EntityAttentionSettings
    tagged: ClassVar[bool] = True

    def __init__(self, spec: TeamSpec, settings: NetworkSettings, outputs: int | None = None) -> None:
        """Raises ConfigurationError when the heads do not divide the attention's width."""
        super().__init__(spec, settings, outputs)
        width, heads = 2 * self.settings.hidden, self.settings.attention_heads
        if width % heads:
            raise ConfigurationError(
                f"model.attention_heads={heads} must divide the attention's width, 2 x model.hidden = {width}."
            )

    def shapes(self) -> Shapes:
        """See Network."""
        hidden, width = self.settings.hidden, 2 * self.settings.hidden
        return {
            "embed.weight": (self.row_width, width),
            "embed.bias": (width,),
            "attention.queries.weight": (width, width),
            "attention.keys.weight": (width, width),
            "attention.values.weight": (width, width),
            "attention.out.weight": (width, width),
            "attention.out.bias": (width,),
            "fc.weight": (width, hidden),
            "fc.bias": (hidden,),
            "gru.weight_ih": (hidden, 3 * hidden),
            "gru.weight_hh": (hidden, 3 * hidden),
            "gru.bias_ih": (3 * hidden,),
            "gru.bias_hh": (3 * hidden,),
            "head.weight": (hidden, self.outputs),
            "head.bias": (self.outputs,),
        }

    def step(self, parameters: Parameters, seen: Seen, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See Network."""
        recurrent = parameters["gru.weight_hh"], parameters["gru.bias_hh"]
        memory = gru_cell(self._gates_in(parameters, seen), memory, *recurrent)
        return layers.linear(parameters, "head", memory), memory

    def unroll(self, parameters: Parameters, seen: Seen, order: Timeline) -> torch.Tensor:
        """See Network; everything but the recurrence is computed for all moments at once."""
        return self.unroll_features(parameters, seen, order)[0]

    def feature_layer(self) -> FeatureLayer:
        """See Network; the hidden state after the moment."""
        return FeatureLayer(self.settings.hidden, "gru")

    def unroll_features(self, parameters: Parameters, seen: Seen, order: Timeline) -> tuple[torch.Tensor, torch.Tensor]:
        """See Network."""
        recurrent = parameters["gru.weight_hh"], parameters["gru.bias_hh"]
        hidden = unroll(self._gates_in(parameters, seen), *recurrent, order)
        return layers.linear(parameters, "head", hidden), hidden

    def unroll_hidden(
        self, parameters: Parameters, seen: Seen, order: Timeline, hidden: Sequence[torch.Tensor | None]
    ) -> list[torch.Tensor]:
        """See Network; rows, keys and values are computed once for all masks."""
        readable = self._readable(parameters, seen)
        recurrent = parameters["gru.weight_hh"], parameters["gru.bias_hh"]
        gates = [self._read(parameters, readable, self.by_rows(one, seen)) for one in hidden]
        return [layers.linear(parameters, "head", unroll(each, *recurrent, order)) for each in gates]

    def _gates_in(self, parameters: Parameters, seen: Seen) -> torch.Tensor:
        return self._read(parameters, self._readable(parameters, seen), self.by_rows(seen.hidden, seen))

    def _readable(self, parameters: Parameters, seen: Seen) -> _Readable:
        embedded = self.embed(parameters, seen)
        rows = embedded.rows.relu()
        queries = layers.linear(parameters, "attention.queries", self.own_rows(rows, seen)).unsqueeze(2)
        keys, values = (layers.linear(parameters, f"attention.{name}", rows) for name in ("keys", "values"))
        return _Readable(queries, keys, values, embedded.unseen)

    def _read(self, parameters: Parameters, readable: _Readable, hidden: torch.Tensor | None) -> torch.Tensor:
        """Return the input side of the GRU. hidden: [agents, moments, count] bool, rows that may not be read."""
        queries, keys, values, unseen = readable
        unread = unseen if hidden is None else unseen | hidden
        found = layers.attend(queries, keys, values, self.settings.attention_heads, unread.unsqueeze(2)).squeeze(2)
        features = layers.linear(parameters, "fc", layers.linear(parameters, "attention.out", found)).relu()
        return torch.baddbmm(parameters["gru.bias_ih"].unsqueeze(1), features, parameters["gru.weight_ih"])
