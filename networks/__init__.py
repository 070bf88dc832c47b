"""Q-networks of a stack of agents, one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedqmix.runtime.core.lazy import lazily

if TYPE_CHECKING:
    from fedqmix.networks.registry import (
        EntityAttention,
        Gru,
        Mlp,
        ModuleNetwork,
        Network,
        NetworkSettings,
        Parameters,
        Seen,
        Shapes,
        Transformer,
        make_network,
    )

__all__ = [
    "EntityAttention",
    "Gru",
    "Mlp",
    "ModuleNetwork",
    "Network",
    "NetworkSettings",
    "Parameters",
    "Seen",
    "Shapes",
    "Transformer",
    "make_network",
]

__getattr__ = lazily(__name__, "registry", __all__)
