"""The model settings of an agent's own networks: with sub-networks, those of fewer units than the root's."""

from __future__ import annotations

import math
from dataclasses import replace

from fedqmix.conf.schema import Config, ModelConfig
from fedqmix.strategies.options import SubNetworkSettings


def agent_model(config: Config) -> ModelConfig:
    """Return the settings that an agent's networks are built from.

    With strategies of sub-networks (`strategy.keep`), `model.hidden` is the root's width, and an agent has
    ceil(keep hidden) units in a layer.
    """
    strategy = config.strategy
    if not isinstance(strategy, SubNetworkSettings):
        return config.model
    return replace(config.model, hidden=kept_units(config.model.hidden, strategy.keep))


def kept_units(width: int, keep: float) -> int:
    """Return how many of a layer's units an agent holds: keep * width, rounded up, and 7 of 100 for a keep of 0.07."""
    return math.ceil(round(keep * width, 9))
