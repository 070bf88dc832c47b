"""An encoder: a small network over the features of an agent's Q-network and one of its actions.

    e(h, u) = W2 relu(W_h h + W_u onehot(u) + b1) + b2

h: the features (networks.base.Network.unroll_features). QTRAN's encoder of an agent (Son et al. 2019, arXiv 1905.05408;
oxwhirl/pymarl, qtran_base): both layers are as wide as the encoding.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fedqmix.networks import layers
from fedqmix.networks.base import FeatureLayer, Parameters, Shapes, Units, stacked


class Encoder:
    """The encoders of a stack of agents; like a Network, it holds no parameters."""

    def __init__(self, layer: FeatureLayer, n_actions: int, width: int, initialisation: str) -> None:
        """layer: of the features. width: of the hidden layer and of the encoding. initialisation: as model's."""
        self.layer, self.n_actions, self.width = layer, n_actions, width
        self._initialisation = initialisation

    def shapes(self) -> Shapes:
        """Return the shape of each parameter of one agent, by name."""
        return {
            "fc.weight_features": (self.layer.width, self.width),
            "fc.weight_action": (self.n_actions, self.width),
            "fc.bias": (self.width,),
            "head.weight": (self.width, self.width),
            "head.bias": (self.width,),
        }

    def units(self) -> Units:
        """Return the group of hidden units along each axis (networks.base.Network.units).

        Only the features are units of a layer whose width is model.hidden; the encoding is as wide for every agent.
        """
        whole: dict[str, tuple[str | None, ...]] = {name: (None,) * len(shape) for name, shape in self.shapes().items()}
        return whole | {"fc.weight_features": (self.layer.group, None)}

    def parameters(self, generators: list[np.random.Generator]) -> Parameters:
        """Draw the initial parameters of a stack. generators: one for each agent."""
        return stacked([self._draw(random) for random in generators])

    def encode(self, parameters: Parameters, features: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the encodings [agents, rows, width].

        features: [agents, rows, layer.width]. actions: [agents, rows] int64.
        """
        chosen = nn.functional.one_hot(actions, self.n_actions).to(features.dtype)
        # Two products with the parts of one weight: a concatenated input would be copied for each action.
        hidden = torch.baddbmm(parameters["fc.bias"].unsqueeze(1), features, parameters["fc.weight_features"])
        hidden = torch.baddbmm(hidden, chosen, parameters["fc.weight_action"]).relu()
        return layers.linear(parameters, "head", hidden)

    def _draw(self, random: np.random.Generator) -> Mapping[str, NDArray[np.float32]]:
        """Draw the parameters of one agent; the first layer is drawn as one matrix over features and action."""
        inputs, width = self.layer.width + self.n_actions, self.width
        if self._initialisation == "uniform":
            first = layers.uniform(random, (inputs, width), inputs)
            biases = [layers.uniform(random, (width,), size) for size in (inputs, width)]
            second = layers.uniform(random, (width, width), width)
        else:
            first, second = layers.orthogonal(random, inputs, width), layers.orthogonal(random, width, width)
            biases = [np.zeros(width, np.float32)] * 2
        parts = {"fc.weight_features": first[: self.layer.width], "fc.weight_action": first[self.layer.width :]}
        return {**parts, "fc.bias": biases[0], "head.weight": second, "head.bias": biases[1]}
