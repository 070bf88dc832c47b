"""The settings of QTRAN-base."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.algorithms.q_learning.settings import QLearningSettings
from fedqmix.conf.fields import number


@dataclass
class QtranSettings(QLearningSettings):
    """The settings of QTRAN-base."""

    encoding_embed: int = number(1, doc="width of an agent's encoding, beside the number of actions")
    joint_hidden: int = number(1, doc="width of the hidden layers of the joint value and of V")
    lambda_opt: float = number(0, doc="weight of the loss at the greedy joint action")
    lambda_nopt: float = number(0, doc="weight of the loss at the joint action taken")
