"""The lock of a folder: one process at a time may write it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from fedqmix.runtime.core.errors import ConfigurationError, StorageError
from fedqmix.runtime.runs.lifecycle.writable import require_writable

LOCK = ".lock"
ONCE_MORE_S = 0.1
"""Seconds after which a refused lock is tried once more: `is_locked` holds it for a moment."""


class LockedFolder:
    """A folder that is locked for this process until `close`; also a context manager.

    path: as passed by the caller.
    """

    def __init__(self, path: Path, lock: int) -> None:
        """lock: the descriptor that `lock_folder` returned."""
        self.path = path
        self._lock: int | None = lock

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def require_free(path: Path, besides: Collection[str] = ()) -> None:
    """Check that a folder is new or empty, and writable. besides: names that it may hold.

    Raises ConfigurationError.
    """
    require_writable(path)
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"run_dir={path} is a file: a new or empty folder is needed.")
    if path.is_dir() and any(entry.name not in (LOCK, *besides) for entry in path.iterdir()):
        raise ConfigurationError(f"run_dir={path} is not empty: a new or empty folder is needed.")


def make_and_lock(path: Path) -> int:
    """Make a folder unless it exists, and lock it (see `lock_folder`). Raises StorageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create the run folder {path}: {error.strerror}.") from error
    return lock_folder(path)


def lock_folder(path: Path) -> int:
    """Lock a folder for this process; return the descriptor, whose closing releases the lock.

    The system closes it when the process ends, however it ends. Raises StorageError when another process has the lock.
    """
    try:
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise StorageError(f"cannot write in {path}: {error.strerror}.") from error
    try:
        _lock(descriptor)
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    except BlockingIOError as error:
        owner = os.read(descriptor, 32).decode(errors="replace")
        os.close(descriptor)
        raise StorageError(f"{path} is being written by process {owner}: wait for it or stop it first.") from error
    except OSError as error:
        os.close(descriptor)
        raise StorageError(f"cannot lock {path}: {error.strerror}.") from error
    return descriptor


def is_locked(path: Path) -> bool:
    """Return whether a process has locked a folder; False where that is unknown. Nothing is written."""
    try:
        descriptor = os.open(path / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # no run has begun there, or another user owns the lock
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
    return False


def _lock(descriptor: int) -> None:
    """Lock an open file, or try once more. Raises BlockingIOError when another process has the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(ONCE_MORE_S)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
