"""The records of a rendezvous: a request's ticket, and the standing of its agents."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.runtime.core.attempt import Attempt


@dataclass(frozen=True)
class Ticket:
    """The identity of a request. sequence: counts the agent's requests from 1. digest: of the request's bytes."""

    attempt: Attempt
    agent: int
    sequence: int
    digest: bytes


@dataclass(frozen=True)
class AgentStanding:
    """An agent's standing. sequence: of its last request, 0 before the first. silent_s: since then or the opening."""

    agent: int
    sequence: int
    waiting: bool
    silent_s: float


@dataclass(frozen=True)
class Standing:
    """The state of a rendezvous.

    attempt: the open one. broken: the reason why it cannot be finished; empty while it can. computed_s: seconds of
    computation in this attempt.
    """

    attempt: Attempt | None
    agents: tuple[AgentStanding, ...]
    broken: str
    computed_s: float = 0.0
