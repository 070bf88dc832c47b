"""Training of several runs, a limited number at once, until each is done or has failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from fedqmix.runtime.core.errors import StorageError
from fedqmix.runtime.flower.environment import source_path
from fedqmix.runtime.processes import Jobs
from fedqmix.runtime.processes.process import how_it_ended
from fedqmix.runtime.runs.side_by_side.display import Display
from fedqmix.runtime.runs.side_by_side.run import Run, State

LOOK = 0.25
"""Seconds between two readings of the runs' states and folders."""


class Programs(Protocol):
    """The processes or threads that train runs; a context manager that ends all of them."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def begin(self, run: Run) -> None:
        """Begin or resume a run, according to its state."""

    def ended(self) -> dict[str, int]:
        """Return the exit status, by name, of runs that ended since the last call; 0 if done."""


class Processes(Jobs):
    """One process per run, with the command line of a single run, so that results are the same."""

    def begin(self, run: Run) -> None:
        """See Programs."""
        command = [sys.executable, "-m", "fedqmix", "train", *run.words(run.state)]
        # `python -m` would look for modules in the working folder first, whatever it holds.
        self.start(run.name, command, run.log, {**source_path(), "PYTHONSAFEPATH": "1"})


def train_all(
    runs: Sequence[Run],
    at_once: int,
    display: Display,
    programs: Programs | None = None,
    done: Callable[[Run], None] = lambda run: None,
) -> None:
    """Train the waiting runs in order, `at_once` side by side, until each is done or has failed.

    programs: processes by default. done: called with each run that is done. A failed run stops no other run. However
    this ends, no process stays active, and interrupted runs can be resumed.
    """
    waiting = [run for run in runs if run.state is State.WAITING]
    running: dict[str, Run] = {}
    try:
        with Processes() if programs is None else programs as trained:  # Programs without runs are false
            while waiting or running:
                while waiting and len(running) < at_once:
                    run = waiting.pop(0)
                    if _start(run, trained, display):
                        running[run.name] = run
                display.show()
                time.sleep(LOOK)
                ended = trained.ended()
                for run in running.values():
                    run.look()
                for name, status in ended.items():
                    run = running.pop(name)
                    _ended(run, status, display)
                    if run.state is State.DONE:
                        done(run)
    finally:
        for run in running.values():
            run.state = State.INTERRUPTED


def _start(run: Run, programs: Programs, display: Display) -> bool:
    """Begin a run; return whether its folder could be prepared."""
    try:
        run.state = run.make_way()
    except StorageError as error:
        run.state = State.FAILED
        display.note(f"{run.name} failed: {error}")
        return False
    programs.begin(run)
    display.event(f"{run.name} {'goes on' if run.state is State.RESUMED else 'starts'}; its log: {run.log}")
    return True


def _ended(run: Run, status: int, display: Display) -> None:
    run.state = State.DONE if status == 0 else State.FAILED
    if run.state is State.DONE:
        display.event(f"{run.name} is done: {run.score or 'no evaluation'} at env step {run.steps:,}")
    else:
        display.note(f"{run.name} {how_it_ended(status)}; its log: {run.log}")
