"""The strategies by name."""

from __future__ import annotations

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.adaps import AdaptiveSubNetworks
from fedqmix.strategies.bulyan import Bulyan
from fedqmix.strategies.clusters import Clusters
from fedqmix.strategies.full_sharing import FullSharing
from fedqmix.strategies.krum import Krum
from fedqmix.strategies.median import Median
from fedqmix.strategies.none import NoAggregation
from fedqmix.strategies.norm_clip import NormClip
from fedqmix.strategies.own import own_strategy
from fedqmix.strategies.pp_pps import PartialPPS
from fedqmix.strategies.rs_pps import RewardSharePPS
from fedqmix.strategies.seps import SelectiveSharing
from fedqmix.strategies.settings import StrategySettings
from fedqmix.strategies.snp_ps import RandomSubNetworks
from fedqmix.strategies.team import TeamStrategy
from fedqmix.strategies.trimmed_mean import TrimmedMean

__all__ = ["OWN", "STRATEGIES", "StrategySettings", "TeamStrategy", "strategy_class"]

OWN = "own"
"""The value of strategy.name that selects the class in strategy.code."""

STRATEGIES: dict[str, type[TeamStrategy]] = {
    "none": NoAggregation,
    "a_pps": AveragePPS,
    "rs_pps": RewardSharePPS,
    "pp_pps": PartialPPS,
    "full_sharing": FullSharing,
    "median": Median,
    "trimmed_mean": TrimmedMean,
    "krum": Krum,
    "bulyan": Bulyan,
    "norm_clip": NormClip,
    "clusters": Clusters,
    "seps": SelectiveSharing,
    "snp_ps": RandomSubNetworks,
    "adaps": AdaptiveSubNetworks,
}


def strategy_class(settings: StrategySettings) -> type[TeamStrategy]:
    """Return the class of the configured strategy.

    Raises ConfigurationError when settings.name is unknown, and as `own_class` does for a user's own class.
    """
    if settings.name == OWN:
        return own_strategy(settings)
    if settings.name not in STRATEGIES:
        raise ConfigurationError(f"unknown strategy {settings.name!r}; allowed are {', '.join(STRATEGIES)} and {OWN}")
    return STRATEGIES[settings.name]
