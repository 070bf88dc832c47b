"""Feed-forward networks of mixers, by the widths of their layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def feed_forward(*widths: int) -> nn.Module:
    """Return linear layers with ReLU between them. widths: inputs, hidden layers, outputs.

    A single layer is an nn.Linear, several are an nn.Sequential; the names of parameters follow from that.
    """
    linear = [nn.Linear(*sizes) for sizes in pairwise(widths)]
    if len(linear) == 1:
        return linear[0]
    inner = [layer for one in linear[:-1] for layer in (one, nn.ReLU())]
    return nn.Sequential(*inner, linear[-1])


def hidden_layers(layers: int, width: int) -> Sequence[int]:
    """Return the widths of the hidden layers of a network of `layers` layers."""
    return [width] * (layers - 1)
