"""The settings that some strategies have and others lack. conf.schema.StrategyConfig has those of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fedqmix.conf.fields import choice, number, value, words
from fedqmix.conf.schema import StrategyConfig


@dataclass
class RewardShareSettings(StrategyConfig):
    """The settings of RS-PPS and PP-PPS, whose weights are shares of the reward."""

    reward: str = choice("individual", "team", "policy", doc="the meaning of R_i (strategies/rs_pps.py)")
    max_weight: float = number(0, 1, above=True, doc="the largest weight of an agent (at least 1/N)")
    policy_episodes: int = number(1, doc="reward=policy: episodes that measure one agent's network")


@dataclass
class RobustSettings(StrategyConfig):
    """The settings of strategies that bound the effect of dishonest agents."""

    byzantine: int = number(0, doc="the assumed maximum of dishonest agents")


@dataclass
class KrumSettings(RobustSettings):
    """The settings of Krum."""

    krum_select: int = number(1, doc="the number of networks averaged; 1 is Krum, more is Multi-Krum")


@dataclass
class EveryStepSettings(StrategyConfig):
    """The setting of strategies whose agents may share every gradient with those that hold the same elements."""

    every_step: bool = value(doc="whether the holders of an element also take every training step together")


@dataclass
class ClusterSettings(EveryStepSettings):
    """The settings of averages within clusters of agents."""

    clusters: Any = words(
        "types, lists of agents such as [[0,1],[2,3,4]], or null",
        doc="the agents that are averaged among themselves; types: those of each type (unit types in a battle)",
    )


@dataclass
class SubNetworkSettings(EveryStepSettings):
    """The settings of strategies whose agents hold sub-networks of one root network (docs/adaptive.md)."""

    keep: float = number(0, 1, above=True, doc="an agent's share of each hidden layer's units, rounded up")


@dataclass
class AdaptiveSettings(SubNetworkSettings, ClusterSettings):
    """The settings of AdaPS, which has a sub-network for each cluster."""

    masks: str = choice("mapped", "random", doc="the units of a cluster: from its centre, or drawn for each cluster")


@dataclass
class OwnSettings(RewardShareSettings, KrumSettings, AdaptiveSettings):
    """The settings of strategy=own, which may derive from any strategy here: every setting of every strategy."""
