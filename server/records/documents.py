"""JSON documents of a run folder, written atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fedqmix.runtime.core.errors import StorageError
from fedqmix.runtime.storage.files import write_whole
from fedqmix.runtime.storage.untrusted import LARGEST, read_object


def read_document(path: Path, largest: int = LARGEST) -> dict[str, Any]:
    """Return the JSON object in a file of at most `largest` bytes.

    Raises CheckpointError for a file that is missing, larger, damaged, not regular, or not a JSON object.
    """
    return read_object(path, largest)


def write_json(path: Path, document: Any) -> None:
    """Write or replace a JSON file.

    Raises StorageError on a full disk; an earlier file is then unchanged.
    """
    try:
        write_whole(path, (json.dumps(document, indent=2, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; free some space and try again.") from error
