"""The settings of env=predator_prey."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import number
from fedqmix.conf.schema import EnvConfig


@dataclass
class PredatorPreyOptions(EnvConfig):
    """The settings of predator-prey."""

    punishment: float = number(-1000, 0, doc="team reward for each prey that too few agents try to catch")
    side: int = number(3, 64, doc="cells along each side of the grid")
    agents: int = number(1, 64, doc="agents of the team")
    prey: int = number(1, 64, doc="prey at the beginning")
    catchers: int = number(1, 4, doc="agents that must catch a prey at the same time")
    sight: int = number(0, 64, doc="cells that an agent sees in each direction")
    episode_limit: int = number(1, 10_000, doc="environment steps after which an episode is truncated")
