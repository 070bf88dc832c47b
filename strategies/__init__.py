"""Flower strategies: who is averaged with whom, with what weight, which layers. One file per method."""

from __future__ import annotations

from contracts.errors import ConfigurationError
from strategies.a_pps import AveragePPS
from strategies.full_sharing import FullSharing
from strategies.none import NoAggregation
from strategies.pp_pps import PartialPPS
from strategies.rs_pps import RewardSharePPS
from strategies.team import StrategySettings, TeamStrategy

__all__ = ["STRATEGIES", "StrategySettings", "TeamStrategy", "strategy_class"]

STRATEGIES: dict[str, type[TeamStrategy]] = {
    "none": NoAggregation,
    "a_pps": AveragePPS,
    "rs_pps": RewardSharePPS,
    "pp_pps": PartialPPS,
    "full_sharing": FullSharing,
}


def strategy_class(settings: StrategySettings) -> type[TeamStrategy]:
    """Return the strategy named in the configuration. Raises ConfigurationError when there is none."""
    if settings.name not in STRATEGIES:
        raise ConfigurationError(f"unknown strategy {settings.name!r}; allowed are {', '.join(STRATEGIES)}")
    return STRATEGIES[settings.name]
