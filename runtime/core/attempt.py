"""The attempt at a round to which a message belongs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attempt:
    """One attempt at a question to all agents: to train, to evaluate, or to play one agent's network.

    run: the run's id. round: counts from 1. number: increases over the whole life of a run, also after a resume, so
    that late messages can be distinguished from current ones.
    """

    run: str
    round: int
    number: int
