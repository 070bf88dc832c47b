"""The settings of suites whose worlds are a user's own code: the code, and the sizes that it has."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import choice, number, value
from fedqmix.conf.schema import EnvConfig


@dataclass
class CodeOptions(EnvConfig):
    """The settings of env=pettingzoo and env=own.

    The sizes are read from the code where a run is composed, and travel with the run's settings. So agents and mixer
    need neither the code nor its libraries.
    """

    code: str | None = value(None, doc="FILE.py:NAME or module:NAME of the world (docs/own_worlds.md)")
    n_agents: int | None = number(1, 1_000, doc="agents of the team; null: as in the code")
    n_actions: int | None = number(1, 100_000, doc="actions of an agent; null: as in the code")
    obs_dim: int | None = number(1, 1_000_000, doc="length of an agent's observation; null: as in the code")
    state_dim: int | None = number(1, 10_000_000, doc="length of the global state; null: as in the code")
    episode_limit: int | None = number(
        1, 1_000_000, doc="environment steps after which an episode is truncated; null: as in the code"
    )
    score: str = choice("return", "win_rate", doc="the figure by which networks are judged")
