"""metrics.jsonl: one JSON object per line, with floats that read back bit for bit."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fedqmix.runtime.core.errors import CheckpointError, StorageError
from fedqmix.runtime.storage.untrusted import is_there, size_of
from fedqmix.server.records.row import Row, plain


class JsonlLogger:
    """A logger that appends rows to a file.

    A checkpoint stores `position()`. A resumed run passes it to `rewind`, and the file continues as in an uninterrupted
    run.
    """

    def __init__(self, path: Path) -> None:
        """Open a new or existing file, without following links.

        Raises StorageError when it cannot be written.
        """
        self._path = path
        try:
            self._file = open(path, "ab", opener=_opener)  # noqa: SIM115  it is open for the whole run
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}.") from error

    def log(self, row: Row) -> None:
        """Append one line.

        Raises StorageError on a full disk, DivergenceError for a value that is not finite.
        """
        line = json.dumps(plain(row), allow_nan=False) + "\n"
        try:
            self._file.write(line.encode())
            self._file.flush()
        except OSError as error:
            raise StorageError(
                f"cannot append to {self._path}: {error.strerror}; free some space and resume."
            ) from error

    def position(self) -> int:
        """Return the length of the file in bytes."""
        return self._file.tell()

    def rewind(self, position: int) -> None:
        """Delete every line after a position in bytes.

        Raises CheckpointError when no line ends there.
        """
        require_position(self._path, position)
        self._file.truncate(position)
        self._file.seek(position)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _opener(path: str, flags: int) -> int:
    """Open a file without following links, and without waiting for the reader of a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


def require_position(path: Path, position: int) -> None:
    """Check that a line of a file ends at a position in bytes.

    Raises CheckpointError when none does.
    """
    if position == 0 and not is_there(path):
        return
    size = size_of(path)
    if not 0 <= position <= size:
        raise CheckpointError(
            f"{path} holds {size} bytes but the checkpoint was written after {position}: the file was "
            "shortened or belongs to another run."
        )
    if position > 0:
        with path.open("rb") as file:
            file.seek(position - 1)
            if file.read(1) != b"\n":
                raise CheckpointError(f"{path} has no line that ends at byte {position}: it was changed.")
