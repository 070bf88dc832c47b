"""Signs of progress: the time of each agent's last one, and the agents that all the others wait for."""

from __future__ import annotations

from collections.abc import Iterable

from fedqmix.runtime.core.controls import Standing


class Signs:
    """The time of each agent's last sign of progress, in seconds.

    A sign is an answer, or more calls to world and mixer than at the last check. A reply that the attempt is broken
    does not count. agents: the agents with a question. now: the current time.
    """

    def __init__(self, agents: Iterable[int], now: float) -> None:
        self._last = dict.fromkeys(agents, now)
        self._calls: dict[int, int] = {}

    def begin(self) -> None:
        """Begin a new attempt: calls count from 0 again; the times of the last signs stay."""
        self._calls = {}

    def seen(self, standing: Standing | None, now: float) -> None:
        """Record the agents' progress; None: world and mixer could not be asked."""
        if standing is None:
            return
        for agent, calls in standing.calls.items():
            if calls > self._calls.get(agent, 0):
                self._last[agent] = now
        self._calls = dict(standing.calls)

    def answered(self, agents: Iterable[int], now: float) -> None:
        """Record answers."""
        for agent in agents:
            self._last[agent] = now

    def overdue(self, unanswered: list[int], now: float, patience: float) -> list[int]:
        """Return the agents with the fewest calls, when all of them are silent for too long.

        patience: seconds without a sign. Agents with more calls only wait for these, so they are not overdue.
        """
        calls = {agent: self._calls.get(agent, 0) for agent in unanswered}
        slowest = [agent for agent, made in calls.items() if made == min(calls.values())]
        return slowest if slowest and all(now - self._last[agent] > patience for agent in slowest) else []
