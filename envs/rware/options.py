"""The settings of env=rware."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import choice, number, value
from fedqmix.conf.schema import EnvConfig

INDIVIDUAL, GLOBAL, TWO_STAGE = REWARDS = ("individual", "global", "two_stage")
MOST_COLOURS = 4


@dataclass
class RwareOptions(EnvConfig):
    """The settings of the multi-robot warehouse."""

    colours: int | None = number(1, MOST_COLOURS, doc="colours of agents and shelves; null: the map's")
    request_queue_size: int | None = number(1, 223, doc="shelves that are requested at a time; null: the map's")
    reward: str = choice(*REWARDS, doc="who earns what when a requested shelf is delivered")
    sensor_range: int = number(1, 5, doc="cells that an agent sees in each direction")
    normalised_coordinates: bool = value(doc="an agent's own position is a share of the grid")
    obs_instead_of_state: bool = value(doc="the state is all agents' observations, one after another")
    episode_limit: int = number(1, 10_000, doc="environment steps of an episode")
