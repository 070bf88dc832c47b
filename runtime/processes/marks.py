"""A mark in the environment of processes: by it they and all they ever start are found again.

Process groups and parents do not do: flower-superlink starts its helpers in a session of their own, and whose parent
has died belongs to process 1. An environment variable is inherited by all.

This file is also a program, `python marks.py MARK FOLDER`: the guard of a supervisor. It reads its standard input to
the end, which comes when the supervisor has ended in whatever way, kill -9 included, and then kills whoever bears the
mark, and deletes the folder. It imports nothing of ours, so that it starts at once.
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
"""How the names of private temporary folders begin."""
ABANDONED_S = 60.0
"""A private folder that nobody has locked is somebody's who was killed with the guard, unless it was made just now."""
TRIES = 50
"""To delete a folder."""
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


def clean_up(mark: str, folder: Path) -> None:
    """Kill all who bear the mark, then delete the folder if it is there."""
    kill(mark)
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(SETTLE)


def delete_abandoned(among: Path) -> None:
    """Delete this user's private folders whose owner has ended, and whose guard was killed before it could do so."""
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
        except OSError:  # its owner lives
            continue
        finally:
            os.close(descriptor)


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


def _guard(mark: str, folder: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it outlives the supervisor, however that ends
    delete_abandoned(folder.parent)
    sys.stdin.buffer.read()
    clean_up(mark, folder)


if __name__ == "__main__":
    _guard(sys.argv[1], Path(sys.argv[2]))
