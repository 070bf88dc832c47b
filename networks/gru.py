"""The recurrent Q-network of PyMARL: input -> linear -> ReLU -> GRU -> linear.

Samvelyan et al. 2019 (arXiv 1902.04043), after DRQN (Hausknecht and Stone 2015, arXiv 1507.06527).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from fedqmix.networks import layers
from fedqmix.networks.base import FeatureLayer, Network, NetworkSettings, Parameters, Seen, Shapes, Units
from fedqmix.networks.gru_recurrence import gru_cell, unroll
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import TeamSpec

PARAMETER_NAMES = (
    "fc.weight",
    "fc.bias",
    "gru.weight_ih",
    "gru.weight_hh",
    "gru.bias_ih",
    "gru.bias_hh",
    "head.weight",
    "head.bias",
)

Recurrence = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Timeline], torch.Tensor]
"""(gates_in, weight, bias, timeline) -> hidden states; see networks.gru_recurrence.unroll."""


class Gru(Network):
    """One linear layer, one GRU layer and a linear head, all of `model.hidden` units."""

    def __init__(self, spec: TeamSpec, settings: NetworkSettings, outputs: int | None = None) -> None:
        super().__init__(spec, settings, outputs)
        self.recurrence: Recurrence = unroll
        """Computes the GRU over a timeline; on a GPU, a captured graph (networks.gru_captured)."""

    def shapes(self) -> Shapes:
        """See Network; in the order of PARAMETER_NAMES."""
        width, outputs = self.settings.hidden, self.outputs
        return {
            "fc.weight": (layers.input_width(self.spec, self.settings), width),
            "fc.bias": (width,),
            "gru.weight_ih": (width, 3 * width),
            "gru.weight_hh": (width, 3 * width),
            "gru.bias_ih": (3 * width,),
            "gru.bias_hh": (3 * width,),
            "head.weight": (width, outputs),
            "head.bias": (outputs,),
        }

    def units(self) -> Units:
        """See Network; the GRU's units have a block for each of its three gates."""
        return {
            "fc.weight": (None, "fc"),
            "fc.bias": ("fc",),
            "gru.weight_ih": ("fc", "gru"),
            "gru.weight_hh": ("gru", "gru"),
            "gru.bias_ih": ("gru",),
            "gru.bias_hh": ("gru",),
            "head.weight": ("gru", None),
            "head.bias": (None,),
        }

    def draw(self, random: np.random.Generator) -> Mapping[str, NDArray[np.float32]]:
        """See Network; model.initialisation as `layers.initial` has it."""
        return layers.initial(random, self.shapes(), self.settings.initialisation, self.settings.hidden)

    def begin(self, agents: int, episodes: int, device: torch.device) -> torch.Tensor:
        """See Network; the hidden state, zeros."""
        return torch.zeros(agents, episodes, self.settings.hidden, device=device)

    def step(self, parameters: Parameters, seen: Seen, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See Network."""
        recurrent = parameters["gru.weight_hh"], parameters["gru.bias_hh"]
        memory = gru_cell(self._gates_in(parameters, seen), memory, *recurrent)
        return layers.linear(parameters, "head", memory), memory

    def unroll(self, parameters: Parameters, seen: Seen, order: Timeline) -> torch.Tensor:
        """See Network; the products of the input side are computed for all moments at once."""
        return self.unroll_features(parameters, seen, order)[0]

    def feature_layer(self) -> FeatureLayer:
        """See Network; the hidden state after the moment."""
        return FeatureLayer(self.settings.hidden, "gru")

    def unroll_features(self, parameters: Parameters, seen: Seen, order: Timeline) -> tuple[torch.Tensor, torch.Tensor]:
        """See Network."""
        recurrent = parameters["gru.weight_hh"], parameters["gru.bias_hh"]
        hidden = self.recurrence(self._gates_in(parameters, seen), *recurrent, order)
        return layers.linear(parameters, "head", hidden), hidden

    def _gates_in(self, parameters: Parameters, seen: Seen) -> torch.Tensor:
        inputs = layers.flat_input(seen, self.spec, self.settings)
        features = layers.linear(parameters, "fc", inputs).relu()
        return torch.baddbmm(parameters["gru.bias_ih"].unsqueeze(1), features, parameters["gru.weight_ih"])
