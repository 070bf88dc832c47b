"""How a round is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class RoundRecord:
    """What a round brought, agent by agent, as far as the server may know it."""

    number: int
    env_step: int = 0
    train_step: int = 0
    episode: int = 0
    rewards: Sequence[float] = ()  # R_i; 0 of an agent that was left out
    weights: Sequence[float] = ()  # of agent i in the aggregate; 0 of an agent that was left out
    # by shared parameter: mean Euclidean distance between two agents, before they were aggregated
    distances: dict[str, float] = field(default_factory=dict)
    bytes_up: int = 0  # array bytes, agents to server
    bytes_down: int = 0
    broken: int = 0  # how often a game broke down, so that its battle had to be played again
    won_before: float | None = None  # win rate of the agents' own networks; None when they were not evaluated
    evaluation: dict[str, float] | None = None  # None when no evaluation was due
