"""A feed-forward Q-network without memory: input -> linear -> ReLU -> linear -> ReLU -> linear."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from fedqmix.networks import layers
from fedqmix.networks.base import FeatureLayer, Network, Parameters, Seen, Shapes, Units
from fedqmix.runtime.core.timeline import Timeline


class Mlp(Network):
    """Two hidden layers of `model.hidden` units over one observation and the last action, without memory."""

    def shapes(self) -> Shapes:
        """See Network."""
        inputs, width = layers.input_width(self.spec, self.settings), self.settings.hidden
        sizes = {"fc1": (inputs, width), "fc2": (width, width), "head": (width, self.outputs)}
        weights = {f"{name}.weight": size for name, size in sizes.items()}
        return weights | {f"{name}.bias": size[1:] for name, size in sizes.items()}

    def units(self) -> Units:
        """See Network."""
        groups: dict[str, tuple[str | None, str | None]] = {
            "fc1": (None, "fc1"),
            "fc2": ("fc1", "fc2"),
            "head": ("fc2", None),
        }
        weights: dict[str, tuple[str | None, ...]] = {f"{name}.weight": both for name, both in groups.items()}
        return weights | {f"{name}.bias": both[1:] for name, both in groups.items()}

    def draw(self, random: np.random.Generator) -> Mapping[str, NDArray[np.float32]]:
        """See Network; model.initialisation as `layers.initial` has it."""
        return layers.initial(random, self.shapes(), self.settings.initialisation, self.settings.hidden)

    def begin(self, agents: int, episodes: int, device: torch.device) -> torch.Tensor:
        """See Network; width 0."""
        return torch.zeros(agents, episodes, 0, device=device)

    def step(self, parameters: Parameters, seen: Seen, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See Network."""
        return self._values(parameters, seen)[0], memory

    def unroll(self, parameters: Parameters, seen: Seen, order: Timeline) -> torch.Tensor:
        """See Network; all moments at once."""
        return self._values(parameters, seen)[0]

    def feature_layer(self) -> FeatureLayer:
        """See Network; the second hidden layer."""
        return FeatureLayer(self.settings.hidden, "fc2")

    def unroll_features(self, parameters: Parameters, seen: Seen, order: Timeline) -> tuple[torch.Tensor, torch.Tensor]:
        """See Network."""
        return self._values(parameters, seen)

    def _values(self, parameters: Parameters, seen: Seen) -> tuple[torch.Tensor, torch.Tensor]:
        features = layers.flat_input(seen, self.spec, self.settings)
        for name in ("fc1", "fc2"):
            features = layers.linear(parameters, name, features).relu()
        return layers.linear(parameters, "head", features), features
