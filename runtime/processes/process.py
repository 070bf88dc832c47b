"""One process of ours: in a group of its own, with a mark in its environment, and ended with all of its group."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.parent_death import ended_with_parent
from fedqmix.runtime.processes import marks
from fedqmix.runtime.storage.private import private_opener


class Guard:
    """A process beside us which, once we have ended in whatever way, kills all who bear our mark.

    Then it deletes our private folder, if there is one.
    """

    def __init__(self, mark: str, folder: Path) -> None:
        """Start it."""
        self._mark, self._folder = mark, folder
        self._process = _start_guard(mark, folder)

    def keep(self) -> None:
        """Start it again if it has died."""
        if self._process.poll() is not None:
            self._process = _start_guard(self._mark, self._folder)

    def close(self) -> None:
        """Let it kill all who are left and delete the folder, and wait for that."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.wait() != 0:  # it was killed itself
            marks.clean_up(self._mark, self._folder)


def start(command: Sequence[str], log: Path, environment: Mapping[str, str], mark: str) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, so that Ctrl-C reaches us alone, and that ends with the calling thread.

    log: the file that its output is appended to, readable by its owner alone. environment: added to our own.
    Raises FederationError when there is no such program.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if shutil.which(command[0]) is None:
        raise FederationError(f"'{command[0]}' cannot be started: {os.strerror(errno.ENOENT)}.")
    whole = {**os.environ, "PYTHONUNBUFFERED": "1", **environment, marks.VARIABLE: mark}
    try:
        with open(log, "ab", opener=private_opener) as out:
            return subprocess.Popen(
                ended_with_parent(command), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=whole, process_group=0
            )
    except OSError as error:
        raise FederationError(f"'{command[0]}' cannot be started: {error.strerror}.") from error


def ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to a process and its group."""
    _signal_group(process, signal.SIGTERM)


def end(process: subprocess.Popen[bytes], deadline: float) -> None:
    """Wait for a process to end until the deadline (time.monotonic), then kill it and its group."""
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def how_it_ended(status: int) -> str:
    """Say it in words: "ended with status 1", "was ended by SIGKILL"."""
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def last_words(log: Path) -> str:
    """Return where a log is, and its last lines."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    words = "\n".join(f"  {line}" for line in lines if line.strip() and line.isprintable())
    return f"The end of {log}:\n{words[-1500:]}"


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # it has ended; macOS refuses the group of a zombie
        return


def _start_guard(mark: str, folder: Path) -> subprocess.Popen[bytes]:
    variables = {name: value for name, value in os.environ.items() if name != marks.VARIABLE}
    return subprocess.Popen(
        [sys.executable, "-P", marks.__file__, mark, str(folder)],
        env=variables,  # whoever guards us finds our processes by itself, and lets our guard do its work
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
