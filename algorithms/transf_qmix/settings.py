"""The settings of TransfQMix and of its variant over the state alone."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.algorithms.q_learning.settings import QLearningSettings
from fedqmix.conf.fields import number


@dataclass
class TransfQmixSettings(QLearningSettings):
    """The settings of the transformer mixer (algorithms/transf_qmix/mixer.py)."""

    token_width: int = number(1, doc="width of the mixer's tokens; transf_qmix: that of the agents' features")
    mixer_heads: int = number(1, doc="heads of the mixer's attention; refil, flex_qmix: a divisor of its width")
    mixer_blocks: int = number(1, doc="transformer blocks of the mixer, one after another")
