"""Flower strategies: the weights of an aggregate, the layers it covers, and its arithmetic.

One file per method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedqmix.runtime.core.lazy import lazily

if TYPE_CHECKING:
    from fedqmix.strategies.registry import (
        OWN,
        STRATEGIES,
        StrategySettings,
        TeamStrategy,
        strategy_class,
    )

__all__ = [
    "OWN",
    "STRATEGIES",
    "StrategySettings",
    "TeamStrategy",
    "strategy_class",
]

__getattr__ = lazily(__name__, "registry", __all__)
