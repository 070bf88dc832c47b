"""Whoever starts processes, or keeps secrets in a temporary folder, that must not outlive it."""

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
    """Has a mark for its processes and, from entering on, a guard who kills all that bear it once we have ended.

    Use as a context manager: leaving it stops everything. It has no thread. The mark begins with the one that this
    program bears itself, so that whoever guards this program finds its processes, too.
    """

    def __init__(self) -> None:
        token = secrets.token_hex(8)
        self._mark = f"{os.environ.get(marks.VARIABLE, '')}{token}/"
        self._folder = Path(tempfile.gettempdir()) / f"{marks.FOLDER}{token}"
        self._held: int | None = None  # the descriptor of the folder, locked while we live
        self._guard: Guard | None = None

    def __enter__(self) -> Self:
        self._keep_guard()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def private_folder(self) -> Path:
        """Make and return a temporary folder of our own, for keys; the guard deletes it once we have ended.

        Nobody else may look into it (mode 0700). Raises StorageError when it cannot be made.
        """
        self._keep_guard()  # it must be there before anything that it is to delete
        try:
            self._folder.mkdir(mode=0o700)  # never one that somebody else has put there
            self._held = os.open(self._folder, os.O_RDONLY)
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(f"cannot make a temporary folder, {self._folder}: {error.strerror}.") from error
        return self._folder

    @abstractmethod
    def stop(self) -> None:
        """End all processes."""

    def _keep_guard(self) -> None:
        """Start the guard, or start it again if it has died."""
        if self._guard is None:
            self._guard = Guard(self._mark, self._folder)
        self._guard.keep()

    def _dismiss_guard(self) -> None:
        """Let the guard kill all who are left and delete the folder, and wait for that."""
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
    """Yield a private temporary folder, which is deleted at the end however this program ends, kill -9 included.

    Processes that Supervisor and Jobs start meanwhile are killed first, so that none writes to it afterwards.
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
