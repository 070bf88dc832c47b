"""Several runs in one program: their simultaneous requests are computed together, as one batch.

A single run calls the same functions with a list of one request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Protocol, TypeVar

Request = TypeVar("Request")
Reply = TypeVar("Reply")


class Work(IntEnum):
    """The kinds of batched work. When runs wait for different kinds, the first of these is computed first.

    Acting comes first: runs whose episodes have ended wait for the others, and then all runs learn together.
    """

    ACTING = 0
    ROWS = 1
    GRADIENT = 2
    BACKWARD = 3


class BatchedRuns(Protocol):
    """One run's handle among several runs (runtime.runs.seeds.run_batcher), or a single run."""

    def compute(self, work: Work, request: Request, function: Callable[[Sequence[Request]], Sequence[Reply]]) -> Reply:
        """Return this run's reply of function(requests).

        requests: of all runs that wait for the same work. function: must return the same reply to a request in any
        batch.
        Raises the error of function in every run of the batch.
        """


class SingleRun:
    """A single run, which computes its requests alone."""

    def compute(self, work: Work, request: Request, function: Callable[[Sequence[Request]], Sequence[Reply]]) -> Reply:
        """See BatchedRuns."""
        return function([request])[0]


SINGLE_RUN = SingleRun()
