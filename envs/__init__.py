"""The worlds in which agents play: combat simulators behind SMAC's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedqmix.runtime.core.lazy import lazily

if TYPE_CHECKING:
    from fedqmix.envs.factory import (
        available_maps,
        make_world,
        maximum_reward,
        require_world,
        team_spec,
    )

__all__ = [
    "available_maps",
    "make_world",
    "maximum_reward",
    "require_world",
    "team_spec",
]

__getattr__ = lazily(__name__, "factory", __all__)
