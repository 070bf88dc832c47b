"""The settings of Q-learning with a mixer: IQL, VDN and QMIX."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.algorithms.rewards import RewardSettings
from fedqmix.conf.fields import number, value
from fedqmix.conf.schema import AlgorithmConfig


@dataclass
class QLearningSettings(AlgorithmConfig):
    """The settings of VDN."""

    double_q: bool = value(doc="the online network selects the next action (van Hasselt et al. 2016)")


@dataclass
class IqlSettings(QLearningSettings, RewardSettings):
    """The settings of IQL."""


@dataclass
class HypernetworkSettings(AlgorithmConfig):
    """The settings of mixers whose weights come from networks over the state."""

    hypernetwork_hidden: int = number(1, doc="width of the hypernetworks' hidden layers, where they have any")


@dataclass
class MixingSettings(HypernetworkSettings):
    """The settings of QMIX's mixing network (algorithms/q_learning/mixers/qmix.py)."""

    mixing_embed: int = number(1, doc="width of the mixing network")
    hypernetwork_layers: int = number(1, 2, doc="layers of the weight hypernetworks")


@dataclass
class QmixSettings(QLearningSettings, MixingSettings):
    """The settings of QMIX."""
