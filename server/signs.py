"""When each agent last gave a sign of getting on, and whom all the others are waiting for."""

from __future__ import annotations

from collections.abc import Iterable

from fedqmix.runtime.core.controls import Standing


class Signs:
    """Signs are an answer, and one more call at the world than when it was last looked at.

    agents: who is asked. now: seconds, as all times here. That an agent says "this attempt is broken" is no sign.
    """

    def __init__(self, agents: Iterable[int], now: float) -> None:
        self._last = dict.fromkeys(agents, now)
        self._calls: dict[int, int] = {}

    def begin(self) -> None:
        """A new attempt: calls count from 0 again. Who had been silent before still is."""
        self._calls = {}

    def seen(self, standing: Standing | None, now: float) -> None:
        """Take note of how far the agents are; None when nobody can tell."""
        if standing is None:
            return
        for agent, calls in standing.calls.items():
            if calls > self._calls.get(agent, 0):
                self._last[agent] = now
        self._calls = dict(standing.calls)

    def answered(self, agents: Iterable[int], now: float) -> None:
        """Take note of answers."""
        for agent in agents:
            self._last[agent] = now

    def overdue(self, unanswered: list[int], now: float, patience: float) -> list[int]:
        """Return those everybody waits for, once they have given no sign for longer than `patience` seconds.

        Who has made fewer calls keeps the others waiting; they are not to blame.
        """
        calls = {agent: self._calls.get(agent, 0) for agent in unanswered}
        slowest = [agent for agent, made in calls.items() if made == min(calls.values())]
        return slowest if slowest and all(now - self._last[agent] > patience for agent in slowest) else []
