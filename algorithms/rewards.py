"""The setting of algorithms that can learn from either reward: the team's, or each agent's own."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import choice
from fedqmix.conf.schema import AlgorithmConfig

TEAM, INDIVIDUAL = "team", "individual"


@dataclass
class RewardSettings(AlgorithmConfig):
    """The setting of an algorithm whose team half is independent (algorithms.base.TeamHalf.independent)."""

    reward: str = choice(TEAM, INDIVIDUAL, doc="the reward learned from: the team's, or each agent its own")
