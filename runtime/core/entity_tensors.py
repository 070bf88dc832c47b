"""Entity tables of tensors: the rows of many vectors at once, and which rows are visible."""

from __future__ import annotations

from typing import NamedTuple

import torch

from fedqmix.runtime.core.entities import EntityTable


class EntityRows(NamedTuple):
    """The entities of some vectors."""

    features: torch.Tensor  # [..., count, features]
    visible: torch.Tensor  # [..., count] bool, False for rows whose numbers from the vector are all 0


class EntityReader:
    """Reads vectors by one table. Its index tensors are made once for each device."""

    def __init__(self, table: EntityTable) -> None:
        self.table = table
        source = torch.tensor(table.source)  # [count, features]
        self._sourced = OnDevices(source >= 0)
        self._source = OnDevices(source.flatten())

    def read(self, vectors: torch.Tensor) -> EntityRows:
        """Return the entities of vectors [..., dim]; differentiable, and valid under torch.vmap."""
        one, zero = torch.ones_like(vectors[..., :1]), torch.zeros_like(vectors[..., :1])
        whole = torch.cat([vectors, one, zero], dim=-1)  # ONE is -2 and ZERO is -1, counted from the end
        index = self._source.on(vectors.device) % whole.shape[-1]
        rows = self.table.count, self.table.features
        features = whole.index_select(-1, index).reshape(*vectors.shape[:-1], *rows)
        return EntityRows(features, ((features != 0) & self._sourced.on(vectors.device)).any(-1))


class OnDevices:
    """A constant tensor that is copied to each device once: a copy for every call would make a GPU wait."""

    def __init__(self, value: torch.Tensor) -> None:
        self._made = value
        self._copies: dict[torch.device, torch.Tensor] = {}

    def on(self, device: torch.device) -> torch.Tensor:
        """Return the tensor on a device."""
        if device.type == "cpu":
            return self._made
        if device not in self._copies:
            self._copies[device] = self._made.to(device)
        return self._copies[device]
