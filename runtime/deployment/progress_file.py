"""The progress of a ServerApp: RUN/progress.jsonl, an object for each round, and one for each sentence for the user."""

from __future__ import annotations

import json
from pathlib import Path

from fedqmix.server.records import Row

PROGRESS = "progress.jsonl"
SENTENCE = "sentence"
"""The one name in the object of a sentence for the user."""


class ProgressFile:
    """A reader of the rows that were added since the last read; earlier rows are left out."""

    def __init__(self, folder: Path) -> None:
        """Begin at the current end of the file. folder: the run folder, which need not exist yet."""
        self._path = folder / PROGRESS
        self._position = self._path.stat().st_size if self._path.exists() else 0

    def new(self) -> list[Row]:
        """Return the new rows; an unfinished line is left for the next read."""
        try:
            if self._path.stat().st_size < self._position:
                self._position = 0  # the run resumed from an earlier checkpoint and rewrote the file
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
