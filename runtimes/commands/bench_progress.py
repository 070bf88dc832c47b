"""What a person sees while something is counted: a bar on standard error, so that standard output holds JSON alone."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class CountBar:
    """Counts what takes long; use as a context manager. Shows nothing where standard error is no terminal."""

    def __init__(self, total: int, counted: str = "battles") -> None:
        """Prepare a bar. total: how many there will be in all; counted: what is counted."""
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task = self._bar.add_task(counted, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def tell(self, map: str, who: str, more: int) -> None:
        """Take note of more that are over. who: the policy or learner at work."""
        self._bar.update(self._task, advance=more, description=f"{map} {who}")
