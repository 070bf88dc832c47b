"""Reading of untrusted files: regular files of a bounded size, and JSON of a bounded depth.

A run folder may come from elsewhere, or its files may have been damaged or replaced. No function here waits for a
pipe, reads a device, or lets a parser recurse without bound. Every error names the file.
"""

from __future__ import annotations

import json
import os
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fedqmix.runtime.core.errors import CheckpointError

LARGEST = 2**20
"""Bytes of a document at most; summary.json takes some thousand."""
DEEPEST = 16
"""Levels of lists and mappings in a document at most; a checkpoint's manifest has six."""
ADVICE = "Put the file back from a copy, or do without this run."


def is_there(path: Path) -> bool:
    """Return whether a path exists; a symbolic link with a missing target counts."""
    return path.is_symlink() or path.exists()


def size_of(path: Path) -> int:
    """Return the size of a regular file in bytes.

    Raises CheckpointError when the path is missing, cannot be read or is not a regular file.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing.") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise CheckpointError(f"{path} cannot be read: {reason}.") from error
    if stat.S_ISDIR(found.st_mode):
        raise CheckpointError(f"{path} cannot be read: Is a directory.")
    if not stat.S_ISREG(found.st_mode):
        raise CheckpointError(f"{path} cannot be read: it is a pipe, a socket or a device, not a regular file.")
    return found.st_size


def read_file(path: Path, largest: int = LARGEST) -> bytes:
    """Return the content of a regular file of at most `largest` bytes.

    Raises CheckpointError for a file that is missing, larger, not regular or not readable.
    """
    if (size := size_of(path)) > largest:
        raise CheckpointError(f"{path} is refused: it has {size:,} bytes, and at most {largest:,} are read. {ADVICE}")
    try:
        # O_NONBLOCK: a pipe may have replaced the file since the check.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(largest)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error


def parse_json(place: str | Path, data: bytes) -> Any:
    """Return the JSON value in `data`. place: the file (and line), for error messages.

    Raises CheckpointError for data that is not valid JSON, or nested deeper than DEEPEST levels.
    """
    try:
        value = json.loads(data)
    except RecursionError as error:
        raise CheckpointError(_too_deep(place)) from error
    except ValueError as error:
        raise CheckpointError(f"{place} is damaged: {error}. {ADVICE}") from error
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level if isinstance(one, list | dict) for inner in _inside(one)]
    if any(isinstance(one, list | dict) for one in level):
        raise CheckpointError(_too_deep(place))
    return value


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """Return the JSON value in a file. Raises CheckpointError as `read_file` and `parse_json`."""
    return parse_json(path, read_file(path, largest))


def parse_object(place: str | Path, data: bytes) -> dict[str, Any]:
    """Return the JSON object in `data`; its texts are safe to print to a terminal.

    Raises CheckpointError as `parse_json` does, for a value of another type, and for control characters in a text.
    """
    found = parse_json(place, data)
    if not isinstance(found, dict):
        raise CheckpointError(f"{place} is damaged: a JSON object is needed. {ADVICE}")
    for text in texts(found):
        if has_control_characters(text):
            raise CheckpointError(f"{place} is damaged: it holds control characters ({text[:80]!r}). {ADVICE}")
    return found


def read_object(path: Path, largest: int = LARGEST) -> dict[str, Any]:
    """Return the JSON object in a file. Raises as `read_file` and `parse_object` do."""
    return parse_object(path, read_file(path, largest))


def texts(tree: Any) -> Iterator[str]:
    """Yield every text in a tree of mappings and lists, keys included."""
    left = [tree]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            yield from (str(name) for name in one)
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)


def has_control_characters(text: str) -> bool:
    """Return whether a text holds control characters or unpaired surrogates."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _inside(value: list[Any] | dict[str, Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _too_deep(place: str | Path) -> str:
    return f"{place} is damaged: its brackets are nested too deep. {ADVICE}"
