"""The settings of strategies."""

from __future__ import annotations

from typing import Any, Protocol

from fedqmix.strategies.beside import BesideSettings
from fedqmix.strategies.faults import FaultSettings
from fedqmix.strategies.server_optimiser import ServerSettings


class StrategySettings(ServerSettings, BesideSettings, FaultSettings, Protocol):
    """The settings that strategies use (implemented by conf.schema.StrategyConfig)."""

    name: str
    code: str | None
    aggregation_interval: int
    shared: list[str]
    reward: str
    max_weight: float
    policy_episodes: int
    common_start: bool
    proximal_mu: float
    byzantine: int
    krum_select: int
    clip_update: float | None
    clusters: Any  # lists of agents; None: none
