"""The settings of env=lbf."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import number, value
from fedqmix.conf.schema import EnvConfig

MOST = 64
"""The longest side of a grid, and the highest level of a player."""


@dataclass
class LbfOptions(EnvConfig):
    """The settings of level-based foraging."""

    sight: int | None = number(1, MOST, doc="cells that a player sees in each direction; null: the map's")
    max_player_level: int | None = number(1, MOST, doc="players' levels are drawn from 1 to this; null: 2")
    penalty: float = number(0.0, doc="what each player that loads a food loses when their levels do not suffice")
    observe_agent_levels: bool = value(doc="observations hold the players' levels")
    mask: bool = value(doc="only moves and loads that the grid allows are available; otherwise all actions are")
    obs_instead_of_state: bool = value(doc="the state is all agents' observations, one after another")
    episode_limit: int = number(1, 10_000, doc="environment steps after which an episode is truncated")
