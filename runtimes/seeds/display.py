"""What a person sees while several seeds train: a table with a line for each, or a plain line for each event."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runtimes.seeds.seed_run import SeedRun


class Display:
    """Shows the runs as they go; use as a context manager. It shows what the runs say when `show` is called."""

    def __init__(self, runs: Sequence[SeedRun], env_steps: int, console: Console) -> None:
        """Prepare. env_steps: `stop.env_steps`."""
        self._runs = runs
        self._env_steps = env_steps
        self._console = console
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
            self._live.update(self._table())
            self._live.stop()

    def show(self) -> None:
        """Draw the table anew, on a terminal."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)

    def event(self, sentence: str) -> None:
        """Print a line where there is no table to show it."""
        if self._live is None:
            self.note(sentence)

    def note(self, sentence: str) -> None:
        """Print a line, above the table if there is one."""
        self._console.print(Text(sentence), soft_wrap=True)

    def _table(self) -> Table:
        table = Table("seed", "env steps", "won", "state")
        for column in table.columns[:3]:
            column.justify = "right"
        for run in self._runs:
            table.add_row(str(run.seed), f"{steps(run):,} of {self._env_steps:,}", won(run), str(run.state))
        return table


def steps(run: SeedRun) -> int:
    """Return the environment steps at its last evaluation; 0 before the first."""
    return int(run.rows[-1]["env_step"]) if run.rows else 0


def won(run: SeedRun) -> str:
    """Return the win rate of its last evaluation; "" before the first."""
    return f"{run.rows[-1]['test_battle_won_mean']:.0%}" if run.rows else ""
