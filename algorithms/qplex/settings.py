"""The settings of QPLEX."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.algorithms.q_learning.settings import HypernetworkSettings, QLearningSettings
from fedqmix.conf.fields import number


@dataclass
class QplexSettings(QLearningSettings, HypernetworkSettings):
    """The settings of QPLEX."""

    attention_heads: int = number(1, doc="heads of the advantages' weights (the paper's K)")
    attention_layers: int = number(1, 3, doc="layers of each head's three networks")
