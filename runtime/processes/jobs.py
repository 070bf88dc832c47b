"""Processes that have one thing to do each, and then end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedqmix.runtime.processes import process
from fedqmix.runtime.processes.guarded import Guarded

GRACE = 10.0
"""Seconds that all processes together have to end by themselves before they are killed."""


class Jobs(Guarded):
    """Starts processes and tells which have ended; use as a context manager.

    However it ends, by an error, Ctrl-C or kill -9, no process is left. It has no thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __len__(self) -> int:
        """How many run, those included that `ended` has not told of yet."""
        return len(self._running)

    def start(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """Start a process.

        name: unique among those that run. log: the file that its output is appended to. environment: added to our own.
        Raises FederationError when there is no such program.
        """
        self._running[name] = process.start(command, log, environment, f"{self._mark}{name}/")

    def ended(self) -> dict[str, int]:
        """Return the exit status of those that have ended since the last call; minus the signal for a killed one."""
        if self._guard is not None:
            self._keep_guard()
        found = {name: one.poll() for name, one in self._running.items()}
        statuses = {name: status for name, status in found.items() if status is not None}
        for name in statuses:
            del self._running[name]
        return statuses

    def stop(self, grace: float = GRACE) -> None:
        """Ask all to end (SIGTERM); whoever has not after `grace` seconds is killed, with what it has started."""
        deadline = time.monotonic() + grace
        try:
            for one in self._running.values():
                process.ask_to_end(one)
            for one in self._running.values():
                process.end(one, deadline)
        finally:
            self._running.clear()
            self._dismiss_guard()
