"""Who may write a folder: one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from fedqmix.runtime.core.errors import ConfigurationError, StorageError
from fedqmix.runtime.runs.lifecycle.writable import require_writable

LOCK = ".lock"


class LockedFolder:
    """A folder that is locked for this process until `close`; use as a context manager or close it.

    path: as it was given.
    """

    def __init__(self, path: Path, lock: int) -> None:
        """lock: what `lock_folder` has returned."""
        self.path = path
        self._lock: int | None = lock

    def close(self) -> None:
        """Let other processes write the folder."""
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
    """Check that a folder is new or empty, and can be written. besides: names that may be in it.

    Raises ConfigurationError.
    """
    require_writable(path)
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"run_dir={path} is a file: a new or empty folder is needed.")
    if path.is_dir() and any(entry.name not in (LOCK, *besides) for entry in path.iterdir()):
        raise ConfigurationError(f"run_dir={path} is not empty: a new or empty folder is needed.")


def make_and_lock(path: Path) -> int:
    """Make a folder unless it is there, and lock it; see `lock_folder`. Raises StorageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create the run folder {path}: {error.strerror}.") from error
    return lock_folder(path)


def lock_folder(path: Path) -> int:
    """Lock a folder for this process and return the descriptor, which unlocks it when it is closed.

    The system does so when the process ends, however it ends. Raises StorageError when another process has locked it.
    """
    try:
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise StorageError(f"cannot write in {path}: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
