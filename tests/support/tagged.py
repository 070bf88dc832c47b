"""The processes a test has started, however deep below it: all of them inherit a mark of its own."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable

import psutil

TAG = "FEDQMIX_TEST_TAG"
"""The environment variable that holds the mark."""


def new_tag() -> str:
    """Return a mark nobody else has."""
    return uuid.uuid4().hex


def tagged(tag: str) -> list[psutil.Process]:
    """Return the processes with the mark, without this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(TAG) == tag:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def command_line(process: psutil.Process) -> str:
    """Return the command line of a process, "" of one that is ending or has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def gone(process: psutil.Process) -> bool:
    """Tell whether a process has ended, collected by its parent or not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait until something is true; return whether it became so in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
