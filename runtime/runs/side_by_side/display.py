"""The display of several runs: a table with a line per run, or a plain line per event."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fedqmix.runtime.runs.lifecycle.progress import duration
from fedqmix.runtime.runs.side_by_side.run import Run, State

MANY = 12
"""Most runs that are all listed.

Of more runs, the active and failed ones and the total are shown.
"""


class Display:
    """The display of several runs; use as a context manager. `show` draws their current states."""

    def __init__(self, runs: Sequence[Run], console: Console) -> None:
        self._runs = runs
        self._console = console
        self._began, self._first = time.monotonic(), self._steps()
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        self.show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.update(self._picture())
            self._live.stop()

    def show(self) -> None:
        """Draw the table again, on a terminal."""
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)

    def event(self, sentence: str) -> None:
        """Print a line, unless a table shows the event."""
        if self._live is None:
            many = len(self._runs) > MANY
            self.note(f"{sentence} ({self._count(State.DONE)} of {len(self._runs)} done)" if many else sentence)

    def note(self, sentence: str) -> None:
        """Print a line, above the table if there is one."""
        self._console.print(Text(sentence), soft_wrap=True)

    def _picture(self) -> Table | Group:
        if len(self._runs) <= MANY:
            return _table(self._runs)
        shown = [run for run in self._runs if run.state not in (State.WAITING, State.DONE)]
        bar = ProgressBar(total=self._total(), completed=self._steps(), width=60)
        return Group(_table(shown), bar, Text(self._standing()))

    def _standing(self) -> str:
        counts = [f"{self._count(State.DONE)} of {len(self._runs)} runs done", f"{self._count(State.WAITING)} waiting"]
        if failed := self._count(State.FAILED):
            counts.append(f"{failed} failed")
        steps, seconds = self._steps(), time.monotonic() - self._began
        counts.append(f"{steps:,} of {self._total():,} env steps")
        if steps > self._first:
            left = max(0, self._total() - steps) * seconds / (steps - self._first)
            counts.append(f"about {duration(left)} left")
        return ", ".join(counts)

    def _count(self, state: State) -> int:
        return sum(run.state is state for run in self._runs)

    def _steps(self) -> int:
        return sum(run.steps for run in self._runs)

    def _total(self) -> int:
        return sum(run.env_steps for run in self._runs)


def _table(runs: Sequence[Run]) -> Table:
    table = Table("run", "env steps", "score", "state")
    for column in table.columns[1:3]:
        column.justify = "right"
    for run in runs:
        table.add_row(run.name, f"{run.steps:,} of {run.env_steps:,}", run.score, str(run.state))
    return table
