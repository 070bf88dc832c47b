"""Which try at which round of which run a message belongs to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attempt:
    """One try at something a round asks of all agents: to train, to evaluate, to play one agent's network.

    run: the run's id. round: counts from 1. number: rises over the whole life of a run, also when it is resumed, so
    that what is late can be told from what is current.
    """

    run: str
    round: int
    number: int
