"""What the ServerApp asks of the world and the mixer while a round is going on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fedqmix.runtime.core.attempt import Attempt


@dataclass(frozen=True)
class Standing:
    """How far the agents are in the attempt that is open.

    calls: agent -> calls it has made in this attempt, at world and mixer together; an agent without any is not in it.
    finished: agents that have made their last call, so that only their reply is still on its way.
    broken: why the attempt cannot be finished; empty while it can.
    """

    calls: dict[int, int]
    finished: frozenset[int] = frozenset()
    broken: str = ""


class Controls(Protocol):
    """World and mixer, as the ServerApp sees them."""

    def open(self, attempt: Attempt, kind: str, config: str) -> None:
        """Begin an attempt; whoever still waits in the one before is told that it is over.

        kind: "join", "train", "evaluate" or "policy". config: the run's settings, YAML.
        Raises AttemptError when world or mixer cannot be reached, or restarted in between; BusyError when they are at
        work on another run, and still are after a minute.
        """

    def status(self) -> Standing | None:
        """Return how far the agents are; None when nobody can tell just now."""

    def settle(self, attempt: Attempt, kind: str) -> None:
        """Take down what there is to know about an attempt that everybody has answered.

        Raises AttemptError when that is lost, so that the attempt has to be made again.
        """
