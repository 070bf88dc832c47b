"""Refused agents: a fault stops the run, or the round leaves out the agent's update.

strategy.on_fault    stop: an error names the agent and ends the run; leave_out: the round ignores its update.
strategy.max_faults  the most faults of a whole run with leave_out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core.errors import FederationError

REFUSED = "refused"
"""Name of the refusal counts among the arrays of `TeamStrategy.state`."""


class FaultSettings(Protocol):
    """The settings of checks and faults (implemented by conf.schema.StrategyConfig)."""

    max_update: float | None
    on_fault: str
    max_faults: int


class Faults:
    """The refusals of each agent, counted.

    note: called with the text of every refusal that does not end the run.
    """

    def __init__(self, settings: FaultSettings, n_agents: int) -> None:
        self._settings = settings
        self.counts = [0] * n_agents  # refusals by agent, in the whole run
        self.reasons: dict[int, str] = {}  # agent -> reason of its last refusal
        self.note: Callable[[str], None] = lambda text: None

    def refuse(self, found: Mapping[int, str], round_: int, left_out: str = "Its update is left out") -> None:
        """Count the refusals of a round.

        found: agent -> its fault, in words that follow its name ("returned ...").
        left_out: sentence for the note about the part of the reply that the round ignores.
        Raises FederationError, naming the agents, when on_fault is "stop" or when max_faults is exceeded.
        """
        if not found:
            return
        texts = []
        for agent, what in sorted(found.items()):
            self.counts[agent] += 1
            self.reasons[agent] = what
            texts.append(f"agent {agent} was refused in round {round_}: it {what}.")
        if self._settings.on_fault == "stop":
            raise FederationError(
                f"{' '.join(texts)} The round is discarded. Repair the agent and resume the run, or resume it with "
                "strategy.on_fault=leave_out to continue without such updates."
            )
        most, total = self._settings.max_faults, sum(self.counts)
        if total > most:
            raise FederationError(
                f"{' '.join(texts)} That is fault {total} of this run, and strategy.max_faults={most} is the most. "
                "Repair the agent and resume the run, or resume it with a higher strategy.max_faults."
            )
        for text in texts:
            self.note(f"{text} {left_out} ({total} of at most {most} faults).")

    def summary(self) -> dict[int, dict[str, int | str]]:
        """Return each refused agent's number of refusals ("times") and last reason ("last")."""
        return {
            agent: {"times": count, "last": self.reasons.get(agent, "")}
            for agent, count in enumerate(self.counts)
            if count
        }

    def remember(self, before: Mapping[int, Mapping[str, Any]]) -> None:
        """Restore a `summary` in a resumed run, so that a refusal that stopped the run counts."""
        for agent, refused in before.items():
            if 0 <= agent < len(self.counts):
                self.counts[agent] = max(self.counts[agent], int(refused["times"]))
                self.reasons.setdefault(agent, str(refused["last"]))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the counts as named arrays for a checkpoint; empty before the first refusal."""
        return {REFUSED: np.array(self.counts, np.int64)} if any(self.counts) else {}

    def load_state(self, named: Mapping[str, NDArray[Any]]) -> None:
        """Load the counts that `state` returned."""
        counts = named.get(REFUSED)
        self.counts = [0] * len(self.counts) if counts is None else [int(count) for count in counts]
