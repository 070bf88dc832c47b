"""Training several runs: as many processes at once as are wanted, until every run is done or has failed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from contracts.errors import StorageError
from runtimes.flower.environment import source_path
from runtimes.processes import Jobs
from runtimes.processes.process import how_it_ended
from runtimes.side_by_side.display import Display
from runtimes.side_by_side.run import Run, State

LOOK = 0.25
"""Seconds between two looks at processes and run folders."""


def train_all(runs: Sequence[Run], at_once: int, display: Display) -> None:
    """Train those that are waiting, in order; in the end each is done or has failed.

    Each is a process with the command line of a single run, which is why its result is a single run's. A failed one
    stops no other. However this ends, no process is left, and those that were cut off can be resumed.
    """
    waiting = [run for run in runs if run.state is State.WAITING]
    running: dict[str, Run] = {}
    try:
        with Jobs() as jobs:
            while waiting or running:
                while waiting and len(running) < at_once:
                    run = waiting.pop(0)
                    if _start(run, jobs, display):
                        running[run.name] = run
                display.show()
                time.sleep(LOOK)
                ended = jobs.ended()
                for run in running.values():
                    run.look()
                for name, status in ended.items():
                    _ended(running.pop(name), status, display)
    finally:
        for run in running.values():
            run.state = State.INTERRUPTED


def _start(run: Run, jobs: Jobs, display: Display) -> bool:
    """Start a run's process; return whether it could be."""
    try:
        run.state = run.make_way()
    except StorageError as error:
        run.state = State.FAILED
        display.note(f"{run.name} failed: {error}")
        return False
    # Whatever the folder holds that this was started in: `python -m` would look for modules there first.
    jobs.start(run.name, run.command(run.state), run.log, {**source_path(), "PYTHONSAFEPATH": "1"})
    display.event(f"{run.name} {'goes on' if run.state is State.RESUMED else 'starts'}; its log: {run.log}")
    return True


def _ended(run: Run, status: int, display: Display) -> None:
    run.state = State.DONE if status == 0 else State.FAILED
    if run.state is State.DONE:
        display.event(f"{run.name} is done: won {run.won or 'nothing yet'} at env step {run.steps:,}")
    else:
        display.note(f"{run.name} {how_it_ended(status)}; its log: {run.log}")
