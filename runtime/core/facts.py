"""The facts that world and mixer record about a question to the agents.

Agents report the same figures; these ones count, and an agent with different ones is refused (strategies.checks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fedqmix.runtime.core.world import Purpose


@dataclass(frozen=True)
class Counted:
    """The world's counts of the completed episodes of one purpose.

    episodes: their number; won: episodes won; env_steps: the sum of their lengths. broken: game breakdowns, after
    which an episode was played again. individual_returns: [agents], rewards summed over all episodes and environment
    steps. played: [agents], the episodes in which each agent existed; empty where all agents existed in all.
    """

    episodes: int
    won: int
    env_steps: int
    broken: int
    individual_returns: tuple[float, ...]
    played: tuple[int, ...] = ()

    @property
    def played_by_agent(self) -> tuple[int, ...]:
        """The episodes in which each agent existed: [agents]."""
        return self.played or (self.episodes,) * len(self.individual_returns)

    @property
    def win_rate(self) -> float:
        """The share of episodes won."""
        return self.won / self.episodes

    @property
    def mean_length(self) -> float:
        """The mean environment steps of an episode."""
        return self.env_steps / self.episodes


class Returns(NamedTuple):
    """The team returns of an evaluation's episodes: their mean, and their standard deviation (of the population)."""

    mean: float
    std: float


@dataclass(frozen=True)
class Learned:
    """The mixer side's counts of training.

    train_steps, episodes: training steps and training episodes of the whole run. faults: agent -> a text about its
    first value out of bounds in this question.
    """

    train_steps: int
    episodes: int
    faults: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """The facts about one question.

    counted: by purpose, the counts of its episodes. learned: None for a question without training.
    """

    counted: Mapping[Purpose, Counted]
    learned: Learned | None = None


Know = Callable[[], Facts]
"""Returns the facts about the question answered last. Raises FederationError when there was none."""
