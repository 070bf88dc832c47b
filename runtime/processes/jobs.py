"""Processes that do one task each, and then end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedqmix.runtime.processes import process
from fedqmix.runtime.processes.guarded import Guarded

GRACE = 10.0
"""Seconds that all processes together get to end before they are killed."""


class Jobs(Guarded):
    """A set of processes that reports which have ended; use as a context manager.

    No process is left however this program ends: by an error, Ctrl-C or kill -9. It has no thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __len__(self) -> int:
        """Return the number of processes, including those that `ended` has not returned yet."""
        return len(self._running)

    def start(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """Start a process.

        name: unique among the running processes. log: the file that its output is appended to. environment: added to
        this process's own. Raises FederationError when there is no such program.
        """
        self._running[name] = process.start(command, log, environment, f"{self._mark}{name}/")

    def ended(self) -> dict[str, int]:
        """Return the exit statuses of processes that ended since the last call, by name.

        The status of a process that a signal ended is minus the signal's number.
        """
        if self._guard is not None:
            self._keep_guard()
        found = {name: one.poll() for name, one in self._running.items()}
        statuses = {name: status for name, status in found.items() if status is not None}
        for name in statuses:
            del self._running[name]
        return statuses

    def stop(self, grace: float = GRACE) -> None:
        """Send SIGTERM to all processes.

        A process that runs after `grace` seconds is killed, with its children.
        """
        deadline = time.monotonic() + grace
        try:
            for one in self._running.values():
                process.ask_to_end(one)
            for one in self._running.values():
                process.end(one, deadline)
        finally:
            self._running.clear()
            self._dismiss_guard()
