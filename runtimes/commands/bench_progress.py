"""What a person sees while battles are counted: a bar on standard error, so that standard output holds JSON alone."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class BattleBar:
    """Counts battles; use as a context manager. Shows nothing where standard error is no terminal."""

    def __init__(self, battles: int) -> None:
        """Prepare a bar. battles: how many will be played in all."""
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task = self._bar.add_task("battles", total=battles)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def tell(self, map: str, policy: str, battles: int) -> None:
        """Take note of battles that are over."""
        self._bar.update(self._task, advance=battles, description=f"{map} {policy}")
