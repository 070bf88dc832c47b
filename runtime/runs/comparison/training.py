"""Training of a comparison's runs side by side, and its messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.text import Text

from fedqmix.runtime.runs.side_by_side.display import Display
from fedqmix.runtime.runs.side_by_side.run import Run, State
from fedqmix.runtime.runs.side_by_side.train import train_all


def train_waiting(
    runs: Sequence[Run], at_once: int, again: str, console: Console, done: Callable[[Run], None] = lambda run: None
) -> None:
    """Train the waiting runs, `at_once` side by side, until each is done or has failed.

    again: the command that resumes, printed upon an interrupt. done: called with each run that is done.
    """
    try:
        with Display(runs, console) as display:
            train_all(runs, at_once, display, done=done)
    except KeyboardInterrupt:
        Console(stderr=True).print(Text(f"\ninterrupted. Go on with: {again}"), soft_wrap=True)
        raise


def name_failed(runs: Sequence[Run], again: str, console: Console) -> int:
    """Print the failed runs, their logs and the command that resumes them; return their number."""
    failed = [run for run in runs if run.state is State.FAILED]
    for run in failed:
        console.print(Text(f"{run.name} failed; its log: {run.log}"), soft_wrap=True)
    if failed:
        console.print(Text(f"go on with what failed: {again}"), soft_wrap=True)
    return len(failed)
