"""Transformer blocks with a leading agent axis, as TransfQMix has them in agents and mixer.

    x <- norm(x + unify(attention(x)))        x <- norm(x + narrow(relu(wide(x))))

Each head is as wide as a token. (Gallici et al. 2023, arXiv 2301.05334; mttga/pymarl_transformers.)
"""

from __future__ import annotations

import torch

from fedqmix.networks import layers
from fedqmix.networks.base import Parameters, Shapes

FEED_FORWARD = 4
"""The width of a block's hidden layer, in widths of a token."""


def block_shapes(width: int, heads: int, blocks: int) -> Shapes:
    """Return the shapes of the parameters of all blocks: block_0.queries.weight, ..."""
    one = {
        "queries.weight": (width, heads * width),
        "keys.weight": (width, heads * width),
        "values.weight": (width, heads * width),
        "unify.weight": (heads * width, width),
        "unify.bias": (width,),
        "attention_norm.weight": (width,),
        "attention_norm.bias": (width,),
        "wide.weight": (width, FEED_FORWARD * width),
        "wide.bias": (FEED_FORWARD * width,),
        "narrow.weight": (FEED_FORWARD * width, width),
        "narrow.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    return {f"block_{block}.{name}": shape for block in range(blocks) for name, shape in one.items()}


def transform(
    parameters: Parameters, tokens: torch.Tensor, heads: int, blocks: int, hidden: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the tokens after all blocks: [agents, rows, tokens, width].

    tokens: in the same shape. hidden: [agents, rows, tokens] bool, True for those that no token may read.
    """
    unread = None if hidden is None else hidden.unsqueeze(2)
    for block in range(blocks):
        name = f"block_{block}"
        q, k, v = (layers.linear(parameters, f"{name}.{part}", tokens) for part in ("queries", "keys", "values"))
        read = layers.linear(parameters, f"{name}.unify", layers.attend(q, k, v, heads, unread))
        tokens = layers.layer_norm(parameters, f"{name}.attention_norm", tokens + read)
        wide = layers.linear(parameters, f"{name}.wide", tokens).relu()
        tokens = layers.layer_norm(
            parameters, f"{name}.norm", tokens + layers.linear(parameters, f"{name}.narrow", wide)
        )
    return tokens
