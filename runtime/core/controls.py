"""The ServerApp's interface to world and mixer during a round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fedqmix.runtime.core.attempt import Attempt


@dataclass(frozen=True)
class Standing:
    """The agents' progress in the open attempt.

    calls: agent -> number of its calls in this attempt, to world and mixer together; agents without any are absent.
    finished: agents that have made their last call, so that only their reply is missing.
    broken: the reason why the attempt cannot be finished; empty while it can.
    """

    calls: dict[int, int]
    finished: frozenset[int] = frozenset()
    broken: str = ""


class Controls(Protocol):
    """World and mixer, as the ServerApp controls them."""

    def open(self, attempt: Attempt, kind: str, config: str) -> None:
        """Begin an attempt; agents that still wait in the previous one get AttemptError.

        kind: "join", "train", "evaluate", "policy" or "identity". config: the run's settings, YAML.
        Raises AttemptError when world or mixer cannot be reached, or restarted meanwhile; BusyError when they are at
        work on another run for more than a minute.
        """

    def status(self) -> Standing | None:
        """Return the agents' progress; None when it is unknown at present."""

    def settle(self, attempt: Attempt, kind: str) -> None:
        """Store the facts about an attempt that all agents have answered (runtime.core.facts).

        Raises AttemptError when they are lost, so that the round must be attempted again.
        """
