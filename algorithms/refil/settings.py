"""The settings of REFIL and of its mixer alone."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.algorithms.q_learning.settings import QLearningSettings
from fedqmix.conf.fields import number


@dataclass
class FlexQmixSettings(QLearningSettings):
    """The settings of QMIX with a mixer over entities (algorithms/refil/mixer.py)."""

    mixing_embed: int = number(1, doc="width of the mixing network")
    mixer_width: int = number(1, doc="width of the mixer's attention")
    mixer_heads: int = number(1, doc="heads of the mixer's attention, a divisor of its width")


@dataclass
class RefilSettings(FlexQmixSettings):
    """The settings of REFIL."""

    imagined_weight: float = number(0, 1, doc="weight of the imagined groups' loss; the other loss has the rest")
