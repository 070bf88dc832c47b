"""The settings of env=bps."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import number, value
from fedqmix.conf.schema import EnvConfig

MOST = 64
"""The most groups of a task, and the most agents of a group."""


@dataclass
class BpsOptions(EnvConfig):
    """The settings of blind-particle spread."""

    groups: int | None = number(1, MOST, doc="groups of agents, each with a landmark; null: the map's")
    group_size: int | None = number(1, MOST, doc="agents of each group; null: the map's")
    shuffled: bool | None = value(doc="each group's observations have an order of their own; null: the map's")
    cooperative: bool = value(doc="every agent's own reward is the team's")
    obs_instead_of_state: bool = value(doc="the state is all agents' observations, one after another")
    episode_limit: int = number(1, 10_000, doc="environment steps of an episode")
