"""A child process: in its own group, marked in its environment, ended with its whole group."""

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
    """A process that kills all processes with this program's mark after this program has ended.

    It then deletes this program's private folder, if there is one.
    """

    def __init__(self, mark: str, folder: Path) -> None:
        """Start the guard process."""
        self._mark, self._folder = mark, folder
        self._process = _start_guard(mark, folder)

    def keep(self) -> None:
        """Restart the guard process if it has died."""
        if self._process.poll() is not None:
            self._process = _start_guard(self._mark, self._folder)

    def close(self) -> None:
        """Let the guard kill the remaining processes and delete the folder; wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.wait() != 0:  # the guard was killed
            marks.clean_up(self._mark, self._folder)


def start(command: Sequence[str], log: Path, environment: Mapping[str, str], mark: str) -> subprocess.Popen[bytes]:
    """Start a process in its own group; the system ends it with the calling thread.

    In a group of its own it does not receive the terminal's Ctrl-C. log: the file that its output is appended to,
    readable by its owner alone. environment: added to this process's own. mark: see runtime.processes.marks.
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
    """Return a phrase such as "ended with status 1" or "was ended by SIGKILL"."""
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def last_words(log: Path) -> str:
    """Return the path of a log and its last lines."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    words = "\n".join(f"  {line}" for line in lines if line.strip() and line.isprintable())
    return f"The end of {log}:\n{words[-1500:]}"


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # the process has ended; macOS refuses the group of a zombie
        return


def _start_guard(mark: str, folder: Path) -> subprocess.Popen[bytes]:
    variables = {name: value for name, value in os.environ.items() if name != marks.VARIABLE}
    return subprocess.Popen(
        [sys.executable, "-P", marks.__file__, mark, str(folder)],
        env=variables,  # unmarked: an outer guard must not kill this guard, and finds our processes itself
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
