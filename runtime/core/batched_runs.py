"""Several runs in one program: what all of them compute at the same time is computed once, for all together.

A run alone computes the same by the same functions: for a list of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Protocol, TypeVar

Request = TypeVar("Request")
Reply = TypeVar("Reply")


class Work(IntEnum):
    """What is computed together. Where runs wait for different things, the first of these is computed first.

    Acting comes first: a run whose battles are over waits for those who still play, and then all learn together.
    """

    ACTING = 0
    ROWS = 1
    GRADIENT = 2
    BACKWARD = 3


class BatchedRuns(Protocol):
    """One run's seat among several (runtime.runs.seeds.run_batcher), or a run alone."""

    def compute(self, work: Work, request: Request, function: Callable[[Sequence[Request]], Sequence[Reply]]) -> Reply:
        """Return this run's reply of function(requests), the requests of all runs that now want the same work.

        function: must give each request the reply that it would have given it alone.
        Raises whatever function raises, in every run whose request it was given.
        """


class SingleRun:
    """A run that shares nothing."""

    def compute(self, work: Work, request: Request, function: Callable[[Sequence[Request]], Sequence[Reply]]) -> Reply:
        """See Together."""
        return function([request])[0]


SINGLE_RUN = SingleRun()
