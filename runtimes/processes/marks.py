"""A mark in the environment of processes: by it they and all they ever start are found again.

Process groups and parents do not do: flower-superlink starts its helpers in a session of their own, and whose parent
has died belongs to process 1. An environment variable is inherited by all.

This file is also a program, `python marks.py MARK`: the guard of a supervisor. It reads its standard input to the end,
which comes when the supervisor has ended in whatever way, kill -9 included, and then kills whoever bears the mark.
It imports nothing of ours, so that it starts at once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping

import psutil

VARIABLE = "FEDQMIX_MARK"
SETTLE = 0.1
"""Seconds between two looks: who was being started during the first is found by the second."""


def bearing(mark: str) -> list[psutil.Process]:
    """Return the running processes of this user whose mark begins with `mark`; the caller itself is never one."""
    return [one for one in psutil.process_iter() if one.pid != os.getpid() and _mark(one).startswith(mark)]


def kill(mark: str) -> None:
    """Kill all who bear a mark that begins with `mark`; returns when none is left."""
    empty = 0
    while empty < 2:
        found = bearing(mark)
        empty = 0 if found else empty + 1
        for one in found:
            _kill(one)
        psutil.wait_procs(found, timeout=1.0)
        time.sleep(SETTLE)


def _mark(process: psutil.Process) -> str:
    try:
        variables: Mapping[str, str] = process.environ()
    except (psutil.Error, OSError):  # gone, a zombie, or somebody else's
        return ""
    return variables.get(VARIABLE, "")


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return


def _guard(mark: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it outlives the supervisor, however that ends
    sys.stdin.buffer.read()
    kill(mark)


if __name__ == "__main__":
    _guard(sys.argv[1])
