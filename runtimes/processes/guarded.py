"""Whoever starts processes that must not outlive it."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from runtimes.processes.process import Guard


class Guarded(ABC):
    """Has a mark for its processes and, from entering on, a guard who kills all that bear it once we have ended.

    Use as a context manager: leaving it stops everything. It has no thread.
    """

    def __init__(self) -> None:
        self._mark = f"{secrets.token_hex(8)}/"
        self._guard: Guard | None = None

    def __enter__(self) -> Self:
        self._guard = Guard(self._mark)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def stop(self) -> None:
        """End all processes."""
