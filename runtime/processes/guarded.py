"""Owners of child processes and of temporary folders with keys, which must not outlive them."""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from fedqmix.runtime.core.errors import StorageError
from fedqmix.runtime.processes import marks
from fedqmix.runtime.processes.process import Guard


class Guarded(ABC):
    """An owner of processes, with a guard process that kills them after this program has ended.

    The owner marks its processes by an environment variable. The guard process starts when the context is entered.
    Use as a context manager: leaving it ends all processes. It has no thread. The mark begins with this program's own
    mark, so that a guard process of this program finds the processes too.
    """

    def __init__(self) -> None:
        token = secrets.token_hex(8)
        self._mark = f"{os.environ.get(marks.VARIABLE, '')}{token}/"
        self._folder = Path(tempfile.gettempdir()) / f"{marks.FOLDER}{token}"
        self._held: int | None = None  # the folder's descriptor, locked while this program runs
        self._guard: Guard | None = None

    def __enter__(self) -> Self:
        self._keep_guard()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def private_folder(self) -> Path:
        """Make a private temporary folder, for keys, and return it.

        Only its owner can access it (mode 0700). The guard process deletes it after this program has ended.
        Raises StorageError when it cannot be made.
        """
        self._keep_guard()  # the guard must run before anything that it has to delete exists
        try:
            self._folder.mkdir(mode=0o700)  # fails for an existing folder, which may be another user's
            self._held = os.open(self._folder, os.O_RDONLY)
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(f"cannot make a temporary folder, {self._folder}: {error.strerror}.") from error
        return self._folder

    @abstractmethod
    def stop(self) -> None:
        """End all processes."""

    def _keep_guard(self) -> None:
        """Start the guard process, or restart it if it has died."""
        if self._guard is None:
            self._guard = Guard(self._mark, self._folder)
        self._guard.keep()

    def _dismiss_guard(self) -> None:
        """Let the guard kill the remaining processes and delete the folder; wait for it."""
        if self._guard is not None:
            self._guard.close()
            self._guard = None
        if self._held is not None:
            os.close(self._held)
            self._held = None


class _Folder(Guarded):
    def stop(self) -> None:
        self._dismiss_guard()


@contextmanager
def guarded_folder() -> Iterator[Path]:
    """Yield a private temporary folder, which is deleted even after kill -9 of this program.

    Processes that Supervisor and Jobs start meanwhile are killed before, so that none writes to it afterwards.
    """
    with _Folder() as scratch:
        before = os.environ.get(marks.VARIABLE)
        os.environ[marks.VARIABLE] = scratch._mark
        try:
            yield scratch.private_folder()
        finally:
            if before is None:
                del os.environ[marks.VARIABLE]
            else:
                os.environ[marks.VARIABLE] = before
