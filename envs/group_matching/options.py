"""The settings of env=group_matching."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import number
from fedqmix.conf.schema import EnvConfig


@dataclass
class GroupMatchingOptions(EnvConfig):
    """The settings of group matching."""

    agents: int = number(2, 64, doc="agents of the team")
    cells: int = number(2, 64, doc="cells of the ring")
    groups: int = number(1, 8, doc="groups into which the agents are divided")
    random_action: float = number(0, 1, doc="probability that an agent's action is replaced by a random one")
    episode_limit: int = number(1, 10_000, doc="environment steps after which an episode is truncated")
