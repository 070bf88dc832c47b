"""The settings of algorithm=own, which may be built from the halves of any algorithm here."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.algorithms.ppo.settings import MappoSettings
from fedqmix.algorithms.q_learning.settings import QmixSettings
from fedqmix.algorithms.qplex.settings import QplexSettings
from fedqmix.algorithms.qtran.settings import QtranSettings
from fedqmix.algorithms.refil.settings import RefilSettings
from fedqmix.algorithms.rewards import RewardSettings
from fedqmix.algorithms.transf_qmix.settings import TransfQmixSettings
from fedqmix.algorithms.weighted_qmix.settings import WeightedQmixSettings


@dataclass
class OwnSettings(
    QmixSettings,
    WeightedQmixSettings,
    QplexSettings,
    QtranSettings,
    RefilSettings,
    TransfQmixSettings,
    MappoSettings,
    RewardSettings,
):
    """Every setting of every algorithm."""
