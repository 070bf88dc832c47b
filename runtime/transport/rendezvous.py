"""The rendezvous of a team: it collects a request per agent and computes all replies at once.

1. An agent's request names its attempt, its sequence number and the call.
2. The agent waits until every agent has made the same call.
3. The thread of the last agent computes for all, once. An error is raised for all agents and breaks the attempt.
4. The rendezvous stores each agent's last reply: a repeated request gets it again when the first reply was lost.

A refused message (RefusedError) changes no state: its sender may send a correct one. When agents make different calls,
the minority is refused. The order of arrival does not matter.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import AttemptError, RefusedError
from fedqmix.runtime.transport.calls import PATIENCE_S
from fedqmix.runtime.transport.standing import AgentStanding, Standing, Ticket

Request = TypeVar("Request")
Reply = TypeVar("Reply")
LOOK_S = 1.0
"""Seconds between two checks whether a waiting request's caller still listens."""


@dataclass
class _Gathering:
    brought: dict[int, Any] = field(default_factory=dict)
    calls: dict[int, str] = field(default_factory=dict)  # each agent's call, in words
    refused: dict[int, RefusedError] = field(default_factory=dict)
    complete: bool = False  # a thread computes, or has computed
    replies: Sequence[Any] | None = None
    error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.replies is not None or self.error is not None


@dataclass
class _Seat:
    heard: float
    sequence: int = 0
    digest: bytes = b""
    gathering: _Gathering | None = None

    @property
    def waiting(self) -> bool:
        return self.gathering is not None and not self.gathering.done


class Rendezvous:
    """The meeting of a team's agents; see the module. patience: seconds that an agent waits for the others."""

    def __init__(self, patience: float = PATIENCE_S, who: str = "agent") -> None:
        self._patience, self._who = patience, who
        self._opening = threading.Lock()
        self._computing = threading.Lock()
        self._changed = threading.Condition()
        self._attempt: Attempt | None = None
        self._newest: Attempt | None = None
        self._seats: list[_Seat] = []
        self._gathering: _Gathering | None = None
        self._broken: Exception | None = None
        self._computed_s = 0.0

    def open(self, attempt: Attempt, prepare: Callable[[], int], interrupt: Callable[[], None] = lambda: None) -> None:
        """Begin an attempt: agents that wait in an earlier one get AttemptError.

        prepare: called after the current computation and before any meeting; returns the number of agents.
        interrupt: called before that, to end the current computation soon.
        An attempt that is already open is left unchanged. Raises AttemptError for an attempt before the run's newest,
        and the errors of prepare; then no attempt is open.
        """
        with self._opening:
            with self._changed:
                if attempt == self._attempt:
                    return
                newest = self._newest
                if newest is not None and newest.run == attempt.run and attempt.number <= newest.number:
                    raise AttemptError(f"Attempt {attempt.number} comes late: attempt {newest.number} has begun.")
                self._attempt = None
                self._break(AttemptError(f"Attempt {attempt.number} of round {attempt.round} has begun."))
            interrupt()
            with self._computing:
                parties = prepare()
            with self._changed:
                self._attempt = self._newest = attempt
                self._gathering = self._broken = None
                self._computed_s = 0.0
                self._seats = [_Seat(time.monotonic()) for _ in range(parties)]

    def meet(
        self,
        ticket: Ticket,
        read: Callable[[], tuple[str, Request]],
        together: Callable[[list[Request]], Sequence[Reply]],
        present: Callable[[], bool] = lambda: True,
    ) -> Reply:
        """Wait until every agent has made the same call; return this agent's reply.

        read: checks the request; returns the call in words, with all values on which agents must agree, and the
        request. It is called only for a message that is neither late nor repeated; no state changes when it raises.
        together: computes all replies from all requests, by agent. present: returns whether the caller still listens.
        Raises AttemptError when the attempt is not open, is broken or ends, or when an agent is missing for longer than
        the patience; RefusedError when the agent calls out of order or differs from the others; and the errors of
        `read` and `together`.
        """
        with self._changed:
            gathering, last = self._join(ticket, read)
        if last:
            self._compute(gathering, together)
        with self._changed:
            self._wait(gathering, present, ticket.agent)
        if (refusal := gathering.refused.get(ticket.agent)) is not None:
            raise refusal
        if gathering.error is not None:
            raise gathering.error.with_traceback(None)
        assert gathering.replies is not None
        reply: Reply = gathering.replies[ticket.agent]
        return reply

    def status(self) -> Standing:
        """Return the open attempt and every agent's standing in it."""
        with self._changed:
            now = time.monotonic()
            seats = self._seats if self._attempt is not None else []
            agents = (AgentStanding(a, s.sequence, s.waiting, now - s.heard) for a, s in enumerate(seats))
            return Standing(self._attempt, tuple(agents), str(self._broken or ""), self._computed_s)

    def _join(self, ticket: Ticket, read: Callable[[], tuple[str, Any]]) -> tuple[_Gathering, bool]:
        """Add the agent's request to the gathering; return the gathering, and whether this agent must compute."""
        seat = self._seat(ticket)
        if ticket.sequence == seat.sequence and seat.gathering is not None:
            if ticket.digest != seat.digest:
                raise RefusedError(f"{self._name(ticket)} used the sequence number {ticket.sequence} for two requests.")
            seat.heard = time.monotonic()
            return seat.gathering, False
        self._require_order(ticket, seat)
        if self._broken is not None:
            raise AttemptError(f"Attempt {ticket.attempt.number} was broken off: {self._broken}")
        call, request = read()
        gathering = self._gathering or _Gathering()
        usual = self._usual(gathering, call)
        if usual is not None and call != usual:
            raise self._unlike(ticket.agent, call, gathering, usual)
        gathering.refused.pop(ticket.agent, None)  # its new request may be correct
        gathering.brought[ticket.agent], gathering.calls[ticket.agent] = request, call
        if usual is not None:
            self._refuse_others(gathering, usual)
        seat.heard, seat.sequence, seat.digest = time.monotonic(), ticket.sequence, ticket.digest
        seat.gathering = self._gathering = gathering
        if len(gathering.brought) == len(self._seats) and usual is not None:
            gathering.complete, self._gathering = True, None
        elif len(gathering.brought) == len(self._seats):
            raise self._quarrel(gathering)
        return gathering, gathering.complete

    def _usual(self, gathering: _Gathering, call: str) -> str | None:
        """Return the call of the majority, the newest call included; None while there is no majority.

        In a team of two the first call counts as the majority's.
        """
        known = list(gathering.calls.values())
        if len({*known, call}) == 1:
            return call
        if len(self._seats) <= 2:
            return known[0]
        (first, most), *others = Counter([*known, call]).most_common()
        return first if most > others[0][1] else None

    def _refuse_others(self, gathering: _Gathering, usual: str) -> None:
        """Refuse waiting agents whose call differs from the majority's; their messages have changed no state."""
        for agent in [agent for agent, call in gathering.calls.items() if call != usual]:
            gathering.refused[agent] = self._unlike(agent, gathering.calls.pop(agent), gathering, usual)
            del gathering.brought[agent]
            seat = self._seats[agent]
            seat.sequence, seat.digest, seat.gathering = seat.sequence - 1, b"", None
            self._changed.notify_all()

    def _unlike(self, agent: int, call: str, gathering: _Gathering, usual: str) -> RefusedError:
        others = ", ".join(str(other) for other, own in sorted(gathering.calls.items()) if own == usual)
        return RefusedError(f"{self._who} {agent} asks for {call}; {self._who} {others} for {usual}.")

    def _seat(self, ticket: Ticket) -> _Seat:
        attempt, now = ticket.attempt, self._attempt
        if now is None:
            raise AttemptError(f"Attempt {attempt.number} of round {attempt.round} is not open here.")
        if attempt != now:
            late = attempt.run == now.run and attempt.number <= now.number
            raise AttemptError(
                f"A message of attempt {attempt.number} of round {attempt.round} of run {attempt.run} "
                f"{'comes late' if late else 'is not expected'}: attempt {now.number} of run {now.run} is open."
            )
        if not 0 <= ticket.agent < len(self._seats):
            raise RefusedError(f"There is no {self._name(ticket)}: they go from 0 to {len(self._seats) - 1}.")
        return self._seats[ticket.agent]

    def _require_order(self, ticket: Ticket, seat: _Seat) -> None:
        if ticket.sequence == 1 and seat.sequence >= 1:  # restarted during the attempt, unless replayed
            raise AttemptError(
                f"{self._name(ticket)} begins anew (sequence number 1) in an attempt in which {seat.sequence + 1} is "
                "next."
            )
        if ticket.sequence <= seat.sequence:
            raise RefusedError(
                f"{self._name(ticket)} sent a replayed sequence number {ticket.sequence}; {seat.sequence + 1} is next."
            )
        if ticket.sequence > seat.sequence + 1 or seat.waiting:
            missing = f"number {seat.sequence} is not answered yet" if seat.waiting else f"{seat.sequence + 1} is next"
            raise RefusedError(f"{self._name(ticket)} sent the sequence number {ticket.sequence}; {missing}.")

    def _compute(self, gathering: _Gathering, together: Callable[[list[Any]], Sequence[Any]]) -> None:
        replies, error = None, None
        try:
            with self._computing:
                if not gathering.done:  # the attempt may have ended meanwhile
                    began = time.perf_counter()
                    replies = together([gathering.brought[agent] for agent in sorted(gathering.brought)])
                    self._computed_s += time.perf_counter() - began
        except Exception as caught:
            error = caught
        with self._changed:
            if not gathering.done and error is not None:
                self._break(error, gathering)
            elif not gathering.done:
                gathering.replies = replies
            gathering.brought.clear()
            self._changed.notify_all()

    def _wait(self, gathering: _Gathering, present: Callable[[], bool], agent: int) -> None:
        end = time.monotonic() + self._patience
        while not gathering.done and agent not in gathering.refused:
            left = end - time.monotonic()
            if left <= 0 and not gathering.complete:
                missing = [str(agent) for agent in range(len(self._seats)) if agent not in gathering.brought]
                self._break(
                    AttemptError(
                        f"{self._who} {', '.join(missing)} did not come to {self._called(gathering)} within "
                        f"{self._patience:g} s. Is it running, and can it reach this service?"
                    )
                )
                return
            self._changed.wait(min(LOOK_S, left) if left > 0 else LOOK_S)
            if not gathering.done and not present():
                raise AttemptError("The caller no longer waits for this reply.")

    def _quarrel(self, gathering: _Gathering) -> RefusedError:
        """End an attempt in which no call has a majority; return the error for all agents."""
        asked = (f"{self._who} {agent} for {call}" for agent, call in sorted(gathering.calls.items()))
        error = RefusedError(f"The {self._who}s ask for different things: {', '.join(asked)}.")
        self._break(error, gathering)
        return error

    def _called(self, gathering: _Gathering) -> str:
        return " or ".join(dict.fromkeys(gathering.calls.values()))

    def _break(self, error: Exception, computed: _Gathering | None = None) -> None:
        """End the attempt's gatherings with an error."""
        self._broken = error
        waiting = [seat.gathering for seat in self._seats if seat.gathering is not None]
        for gathering in (*waiting, computed):
            if gathering is not None and not gathering.done:
                gathering.error = error
        self._gathering = None
        self._changed.notify_all()

    def _name(self, ticket: Ticket) -> str:
        return f"{self._who} {ticket.agent}"
