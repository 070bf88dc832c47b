"""The settings of proximal policy optimisation: IPPO and MAPPO."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.algorithms.rewards import RewardSettings
from fedqmix.conf.fields import number, value
from fedqmix.conf.schema import AlgorithmConfig


@dataclass
class PpoSettings(AlgorithmConfig):
    """The settings of IPPO and MAPPO."""

    epochs: int = number(1, doc="training steps with each batch of parallel_episodes, in place of updates_per_episode")
    clip_ratio: float = number(0, above=True, doc="a ratio of probabilities beyond 1 +- this gains nothing")
    gae_lambda: float = number(
        0, 1, doc="lambda of the generalised advantage estimate, in place of td_lambda (algorithms/ppo/team.py)"
    )
    entropy_coefficient: float = number(0, doc="weight of the policy's entropy")
    value_coefficient: float = number(0, above=True, doc="weight of the critic's squared error")
    normalise_advantages: bool = value(doc="scale advantages to mean 0 and standard deviation 1 over a batch")


@dataclass
class IppoSettings(PpoSettings, RewardSettings):
    """The settings of IPPO."""


@dataclass
class MappoSettings(PpoSettings):
    """The settings of MAPPO, whose team has a critic."""

    critic_hidden: int = number(1, doc="width of the critic's layers")
