"""What world and mixer know of a question that the agents have just answered.

Agents say the same of themselves; these figures count, and an agent whose own differ is refused (strategies.checks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fedqmix.runtime.core.world import Purpose


@dataclass(frozen=True)
class Counted:
    """The world's count of the battles of one purpose that ended.

    battles, won: how many. env_steps: their lengths together. broken: how often a game broke down, so that its battle
    was played again. earned: [agents], individual rewards summed over all battles and steps.
    """

    battles: int
    won: int
    env_steps: int
    broken: int
    individual_returns: tuple[float, ...]

    @property
    def win_rate(self) -> float:
        """Share of the battles won."""
        return self.won / self.battles

    @property
    def mean_length(self) -> float:
        """Mean environment steps of a battle."""
        return self.env_steps / self.battles


@dataclass(frozen=True)
class Learned:
    """What the mixer's side knows of training.

    train_steps: training steps of the whole run. episodes: training battles of the whole run. faults: agent -> what it
    sent to the mixer in this question that was out of bounds.
    """

    train_steps: int
    episodes: int
    faults: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What is known of one question.

    counted: by purpose, the battles that were played for it. learned: None where nothing was learned.
    """

    counted: Mapping[Purpose, Counted]
    learned: Learned | None = None


Know = Callable[[], Facts]
"""Returns the facts of the question that was answered last. Raises FederationError when there was none."""
