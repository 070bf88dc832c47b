"""The record of a round, from which the server computes its row of metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class RoundRecord:
    """The results of a round that the server may know. rewards, weights: [agents]."""

    number: int
    env_step: int = 0
    train_step: int = 0
    episode: int = 0
    rewards: Sequence[float] = ()  # R_i; 0 for an agent that was left out
    weights: Sequence[float] = ()  # agent i's share in the aggregate; 0 for an agent that was left out
    # shared parameter -> mean Euclidean distance between two agents before aggregation
    distances: dict[str, float] = field(default_factory=dict)
    bytes_up: int = 0  # array bytes, agents to server
    bytes_down: int = 0
    broken: int = 0  # episodes played again because their game process failed
    won_before: float | None = None  # win rate of the agents' own networks; None when they were not evaluated
    evaluation: dict[str, float] | None = None  # None when no evaluation was due
