"""Agents that broke a rule: the run stops and names them, or goes on without their update.

strategy.on_fault   stop: the error names the agent; leave_out: its update does not count in that round.
strategy.max_faults  leave_out: how many faults a run bears in all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core.errors import FederationError

REFUSED = "refused"
"""The name of the counts among the arrays of `TeamStrategy.state`."""


class FaultSettings(Protocol):
    """The settings of what is checked (conf.schema.StrategyConfig has them)."""

    max_update: float | None
    on_fault: str
    max_faults: int


class Faults:
    """Counts how often each agent was refused. note: is told of every refusal that does not end the run."""

    def __init__(self, settings: FaultSettings, n_agents: int) -> None:
        self._settings = settings
        self.counts = [0] * n_agents  # by agent, in the whole run
        self.told: dict[int, str] = {}  # agent -> why it was refused last
        self.note: Callable[[str], None] = lambda text: None

    def refuse(self, found: Mapping[int, str], round_: int, left_out: str = "Its update is left out") -> None:
        """Take down the agents that broke a rule in a round, each with what it did ("returned ...").

        left_out: what does not count of an agent where the run goes on.
        Raises FederationError, naming them, where faults stop the run, and where there were too many.
        """
        if not found:
            return
        texts = []
        for agent, what in sorted(found.items()):
            self.counts[agent] += 1
            self.told[agent] = what
            texts.append(f"agent {agent} was refused in round {round_}: it {what}.")
        if self._settings.on_fault == "stop":
            raise FederationError(
                f"{' '.join(texts)} Nothing of the round counts. Mend the agent and resume the run, or resume it with "
                "strategy.on_fault=leave_out to go on without such updates."
            )
        most, total = self._settings.max_faults, sum(self.counts)
        if total > most:
            raise FederationError(
                f"{' '.join(texts)} That is fault {total} of this run, and strategy.max_faults={most} is the most. "
                "Mend the agent and resume the run, or resume it with a higher strategy.max_faults."
            )
        for text in texts:
            self.note(f"{text} {left_out} ({total} of at most {most} faults).")

    def summary(self) -> dict[int, dict[str, int | str]]:
        """Return, by agent, how often it was refused ("times") and, as far as known, why the last time ("last")."""
        return {
            agent: {"times": count, "last": self.told.get(agent, "")}
            for agent, count in enumerate(self.counts)
            if count
        }

    def remember(self, before: Mapping[int, Mapping[str, Any]]) -> None:
        """Count what `summary` told before the run was stopped and resumed: a refusal that stopped it counts on."""
        for agent, told in before.items():
            if 0 <= agent < len(self.counts):
                self.counts[agent] = max(self.counts[agent], int(told["times"]))
                self.told.setdefault(agent, str(told["last"]))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the counts as named arrays for a checkpoint; nothing while there are none."""
        return {REFUSED: np.array(self.counts, np.int64)} if any(self.counts) else {}

    def load_state(self, named: Mapping[str, NDArray[Any]]) -> None:
        """Replace the counts by what `state` returned."""
        counts = named.get(REFUSED)
        self.counts = [0] * len(self.counts) if counts is None else [int(count) for count in counts]
