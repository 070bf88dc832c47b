"""metrics.jsonl: one JSON object per line, floats written so that they read back as the same bits."""

from __future__ import annotations

import json
from pathlib import Path

from contracts.errors import CheckpointError, StorageError
from server.records.row import Row, plain


class JsonlLogger:
    """Appends rows to a file.

    A checkpoint keeps `position()`; a resumed run gives it to `rewind`, and the file then goes on as if the run had
    never been interrupted.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, new or not. Raises StorageError when it cannot be written."""
        self._path = path
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}.") from error

    def log(self, row: Row) -> None:
        """Append one line. Raises StorageError on a full disk, DivergenceError for a number that is not finite."""
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
        """Forget every line after a position. Raises CheckpointError when no line ends there."""
        size = self._path.stat().st_size
        if not 0 <= position <= size:
            raise CheckpointError(
                f"{self._path} holds {size} bytes but the checkpoint was written after {position}: the file was "
                "shortened or belongs to another run."
            )
        if position > 0:
            with self._path.open("rb") as file:
                file.seek(position - 1)
                if file.read(1) != b"\n":
                    raise CheckpointError(f"{self._path} has no line that ends at byte {position}: it was changed.")
        self._file.truncate(position)
        self._file.seek(position)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_rows(path: Path) -> list[Row]:
    """Read all rows; none when the file does not exist.

    A last line without an end was cut off by a crash and is left out. Raises CheckpointError for any other line that
    is not a JSON object, naming it.
    """
    return parse_rows(path, path.read_bytes()) if path.exists() else []


def parse_rows(path: Path, content: bytes) -> list[Row]:
    """Return the rows in the content of a file; raises as `read_rows` does. path: the file's name in errors."""
    lines = content.split(b"\n")[:-1]
    rows = [_read_line(path, number, line) for number, line in enumerate(lines, start=1)]
    return [row for row in rows if not _refusal(row)]


def _refusal(row: Row) -> bool:
    """Tell whether a row is of no evaluation, but of an agent's refusal that ended the run (RoundEnd.tell_refusals)."""
    return "test_battle_won_mean" not in row and any(name.startswith("fed/refused_") for name in row)


def _read_line(path: Path, number: int, line: bytes) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}, line {number}, is damaged: {error}.") from error
    if not isinstance(row, dict):
        raise CheckpointError(f"{path}, line {number}, is damaged: a JSON object is needed.")
    return row
