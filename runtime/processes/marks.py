"""A mark in the environment of processes, by which they and all their descendants are found.

Process groups and parents are not enough: flower-superlink starts its helpers in a session of their own, and a
process whose parent has died belongs to process 1. All descendants inherit an environment variable.

This file is also a program, `python marks.py MARK FOLDER`: the guard process of a supervisor. It reads its standard
input to the end, which comes when the supervisor has ended, even by kill -9. Then it kills all processes with the
mark, and deletes the folder. It imports no fedqmix module, so that it starts at once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

VARIABLE = "FEDQMIX_MARK"
FOLDER = "fedqmix-private-"
"""The prefix of the names of private temporary folders."""
ABANDONED_S = 60.0
"""Age in seconds after which an unlocked private folder is abandoned: its owner was killed together with the guard."""
TRIES = 50
"""Attempts to delete a folder."""
SETTLE = 0.1
"""Seconds between two searches: the second finds processes that were starting during the first."""


def bearing(mark: str) -> list[psutil.Process]:
    """Return this user's processes whose mark begins with `mark`, without the calling process."""
    return [one for one in psutil.process_iter() if one.pid != os.getpid() and _mark(one).startswith(mark)]


def kill(mark: str) -> None:
    """Kill all processes whose mark begins with `mark`; return when none is left."""
    empty = 0
    while empty < 2:
        found = bearing(mark)
        empty = 0 if found else empty + 1
        for one in found:
            _kill(one)
        psutil.wait_procs(found, timeout=1.0)
        time.sleep(SETTLE)


def clean_up(mark: str, folder: Path) -> None:
    """Kill all processes with the mark, then delete the folder if it exists."""
    kill(mark)
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(SETTLE)


def delete_abandoned(among: Path) -> None:
    """Delete this user's private folders whose owner and guard process have both been killed."""
    for folder in among.glob(f"{FOLDER}*"):
        try:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            if time.time() - found.st_mtime < ABANDONED_S:
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # its owner is running
            continue
        finally:
            os.close(descriptor)


def _mark(process: psutil.Process) -> str:
    try:
        variables: Mapping[str, str] = process.environ()
    except (psutil.Error, OSError):  # ended, a zombie, or another user's
        return ""
    return variables.get(VARIABLE, "")


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return


def _guard(mark: str, folder: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the guard must outlive the supervisor
    delete_abandoned(folder.parent)
    sys.stdin.buffer.read()
    clean_up(mark, folder)


if __name__ == "__main__":
    _guard(sys.argv[1], Path(sys.argv[2]))
