"""Our replacements of the programs that Flower starts by name."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from fedqmix.runtime.core.parent_death import ended_with_parent

SUPEREXEC, SERVERAPP = "fedqmix.runtime.flower.quick_superexec", "fedqmix.runtime.flower.serverapp"
FLOWERS_SUPEREXEC = "flower-superexec"
PAUSE_S = 1.0
"""Seconds before an ended SuperExec is restarted."""

_log = logging.getLogger(__name__)


def command(module: str, *words: str) -> list[str]:
    """Return the command of a program of ours; Python does not search its working directory."""
    return [sys.executable, "-P", "-m", module, *words]


class RestartedProgram:
    """A program that is restarted whenever it ends, until it is terminated or this process ends.

    Flower starts its SuperExec only once, and a SuperExec gives up after half a minute without an answer; no app
    would be started after that. A thread of its own starts the program, because the system ends the program with that
    thread (runtime.core.parent_death).
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        """Start the program. options: of subprocess.Popen."""
        self._command, self._options = command, options
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._unwanted, self._begun = threading.Event(), threading.Event()
        threading.Thread(target=self._keep, name="superexec", daemon=True).start()
        self._begun.wait()

    def terminate(self) -> None:
        """End the program without a restart."""
        with self._lock:
            self._unwanted.set()
        if self._process is not None:
            self._process.terminate()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the program; return its exit status. Raises subprocess.TimeoutExpired."""
        return 0 if self._process is None else self._process.wait(timeout)

    def _keep(self) -> None:
        while (process := self._start()) is not None:
            status = process.wait()
            if not self._unwanted.wait(PAUSE_S):
                _log.warning("the SuperExec ended with status %d; it is restarted", status)

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            try:
                if not self._unwanted.is_set():
                    self._process = subprocess.Popen(ended_with_parent(self._command), **self._options)
                    return self._process
            finally:
                self._begun.set()
        return None


def start(wanted: Sequence[str], **options: Any) -> subprocess.Popen[bytes] | RestartedProgram:
    """Start a program as subprocess.Popen does; replace flower-superexec by ours.

    Ours is restarted when it ends, and ends with this process.
    """
    words = list(wanted)
    if words[0] == FLOWERS_SUPEREXEC:
        return RestartedProgram(command(SUPEREXEC, *words[1:]), **options)
    return subprocess.Popen(words, **options)


def stand_in() -> SimpleNamespace:
    """Return a replacement of the module subprocess for a program of Flower's."""
    return SimpleNamespace(**vars(subprocess) | {"Popen": start})
