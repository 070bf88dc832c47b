"""The networks by name, and the making of one."""

from __future__ import annotations

from typing import Any

import torch

from fedqmix.networks.base import Network, NetworkSettings, Parameters, Seen, Shapes
from fedqmix.networks.entity_attention import EntityAttention
from fedqmix.networks.gru import Gru
from fedqmix.networks.mlp import Mlp
from fedqmix.networks.module import ModuleNetwork
from fedqmix.networks.transformer import Transformer
from fedqmix.runtime.core.array_names import RESERVED
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.own_code import own_class
from fedqmix.runtime.core.world import TeamSpec

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

NETWORKS: dict[str, type[Network]] = {
    "gru": Gru,
    "mlp": Mlp,
    "entity_attention": EntityAttention,
    "transformer": Transformer,
}
"""The networks by model.name; "own" is a class that model.code names."""


def make_network(settings: NetworkSettings, spec: TeamSpec, outputs: int | None = None) -> Network:
    """Return the network of the model group. outputs: its number of outputs; None: one for each action.

    Raises ConfigurationError when a user's network is not valid, and when a network does not fit the world.
    """
    if settings.name == "own":
        found: Any = own_class("model.code", settings.code, Network, "fedqmix.networks.Network")
        return _whole(found, settings, spec, outputs)
    return NETWORKS[settings.name](spec, settings, outputs)


def _whole(found: type[Network], settings: NetworkSettings, spec: TeamSpec, outputs: int | None) -> Network:
    """Return a user's network.

    Raises ConfigurationError when it cannot be built, has no parameters or one with a reserved name, or has not the
    number of outputs asked for.
    """
    try:
        network = found(spec, settings) if outputs is None else found(spec, settings, outputs)
        shapes = network.shapes()
        width = None if outputs is None else _output_width(network)
    except Exception as error:  # a user's class may raise any error
        needed = "" if outputs is None else f" {_needed(outputs)}"
        raise ConfigurationError(f"model.code={settings.code}: {type(error).__name__}: {error}.{needed}") from error
    if not shapes:
        raise ConfigurationError(f"model.code={settings.code}: the network has no parameters, so it cannot learn.")
    if taken := [name for name in shapes if name.startswith(RESERVED)]:
        raise ConfigurationError(
            f"model.code={settings.code}: the parameter {taken[0]!r} must have another name; messages use names that "
            f"begin with {', '.join(RESERVED)} for other arrays."
        )
    if width != outputs:
        raise ConfigurationError(f"model.code={settings.code}: the network has {width} outputs. {_needed(outputs)}")
    return network


def _needed(outputs: int | None) -> str:
    return (
        f"The algorithm needs a network with {outputs} output(s) too: accept (spec, settings, outputs) in __init__, "
        "pass them to Network.__init__, and let the last layer have self.outputs outputs."
    )


def _output_width(network: Network) -> int:
    """Return the number of outputs of one agent's network, by one step with zeros."""
    zeros = {name: torch.zeros(1, *shape) for name, shape in network.shapes().items()}
    observations = torch.zeros(1, 1, network.spec.obs_dim)
    seen = Seen(observations, torch.full((1, 1), -1), torch.zeros(1, dtype=torch.int64))
    output, _ = network.step(zeros, seen, network.begin(1, 1, observations.device))
    return int(output.shape[-1])
