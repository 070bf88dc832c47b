"""The rows a ServerApp leaves for whoever looks on: RUN/progress.jsonl, one object per round."""

from __future__ import annotations

import json
from pathlib import Path

from fedqmix.server.records import Row

PROGRESS = "progress.jsonl"


class ProgressFile:
    """Reads the rows that were added since the last look; those of before the first look are left out."""

    def __init__(self, folder: Path) -> None:
        """Begin at what is there now. folder: the run folder, which need not exist yet."""
        self._path = folder / PROGRESS
        self._position = self._path.stat().st_size if self._path.exists() else 0

    def new(self) -> list[Row]:
        """Return the new rows; a line that is still being written is left for the next look."""
        try:
            if self._path.stat().st_size < self._position:
                self._position = 0  # the run went back to an earlier checkpoint and wrote the file anew
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
