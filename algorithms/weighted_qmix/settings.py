"""The settings of weighted QMIX: OW-QMIX and CW-QMIX."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.algorithms.q_learning.settings import MixingSettings
from fedqmix.conf.fields import number


@dataclass
class WeightedQmixSettings(MixingSettings):
    """The settings of OW-QMIX and CW-QMIX, which have QMIX's mixing network beside a central mixer."""

    alpha: float = number(0, 1, doc="weight of the transitions whose weight is not 1")
    central_hidden: int = number(1, doc="width of the central mixer's layers")
