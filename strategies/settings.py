"""The settings of strategies."""

from __future__ import annotations

from typing import Protocol

from fedqmix.strategies.beside import BesideSettings
from fedqmix.strategies.faults import FaultSettings
from fedqmix.strategies.server_optimiser import ServerSettings


class StrategySettings(ServerSettings, BesideSettings, FaultSettings, Protocol):
    """The settings that every strategy uses (conf.schema.StrategyConfig has them; strategies/options.py has others)."""

    name: str
    code: str | None
    aggregation_interval: int
    shared: list[str]
    common_start: bool
    proximal_mu: float
    clip_update: float | None
