"""The progress display of benchmarks, on standard error: standard output holds JSON alone."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

SELDOM = 30.0
"""Seconds between two lines, without a terminal for a bar."""


class CountBar:
    """A bar on a terminal, else a line every half a minute; use as a context manager."""

    def __init__(self, total: int, counted: str = "episodes", seldom: float = SELDOM) -> None:
        """total: the final count; counted: the noun for its units; seldom: seconds between lines."""
        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn())
        terminal = self._console.is_terminal
        self._bar = Progress(*columns, console=self._console, disable=not terminal, transient=True)
        self._task = self._bar.add_task(counted, total=total)
        self._over, self._total, self._counted = 0, total, counted
        self._seldom, self._next = seldom, float("inf") if terminal else time.monotonic() + seldom

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def tell(self, map: str, who: str, more: int) -> None:
        """Count `more` finished units, of a map and of a policy or learner, `who`."""
        self._over += more
        self._bar.update(self._task, advance=more, description=f"{map} {who}")
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._seldom
            line = f"{map} {who}: {self._over:,} of {self._total:,} {self._counted}"
            self._console.print(Text(line), soft_wrap=True)
