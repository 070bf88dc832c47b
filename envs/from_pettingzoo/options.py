"""The settings of env=pettingzoo."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import choice, number
from fedqmix.envs.code_options import CodeOptions


@dataclass
class PettingZooOptions(CodeOptions):
    """The settings of PettingZoo's parallel environments."""

    team_reward: str = choice("sum", "mean", doc="of the agents' rewards; mean: over all agents, ended ones earn 0")
    state: str = choice(
        "environment", "observations", doc="the environment's state() where it has one, or all agents' observations"
    )
    games: int = number(1, doc="games in parallel, a process each")
    call_seconds: float = number(1, doc="seconds without an answer after which a game is started again")
