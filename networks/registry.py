"""The networks by name, and the making of one."""

from __future__ import annotations

from typing import Any

from fedqmix.networks.base import Network, NetworkSettings, Parameters, Seen, Shapes
from fedqmix.networks.gru import Gru
from fedqmix.networks.mlp import Mlp
from fedqmix.networks.module import ModuleNetwork
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.own_code import own_class
from fedqmix.runtime.core.world import TeamSpec

__all__ = ["Gru", "Mlp", "ModuleNetwork", "Network", "NetworkSettings", "Parameters", "Seen", "Shapes", "make_network"]

NETWORKS: dict[str, type[Network]] = {"gru": Gru, "mlp": Mlp}
"""The networks by model.name; "own" is a class that model.code names."""


def make_network(settings: NetworkSettings, spec: TeamSpec) -> Network:
    """Return the network of the model group. Raises ConfigurationError when a user's network is not valid."""
    if settings.name == "own":
        found: Any = own_class("model.code", settings.code, Network, "fedqmix.networks.Network")
        return _whole(found, settings, spec)
    return NETWORKS[settings.name](spec, settings)


def _whole(found: type[Network], settings: NetworkSettings, spec: TeamSpec) -> Network:
    """Return a user's network. Raises ConfigurationError when it cannot be built, or has no parameters."""
    try:
        network = found(spec, settings)
        shapes = network.shapes()
    except Exception as error:  # a user's class may raise any error
        raise ConfigurationError(f"model.code={settings.code}: {type(error).__name__}: {error}") from error
    if not shapes:
        raise ConfigurationError(f"model.code={settings.code}: the network has no parameters, so it cannot learn.")
    return network
