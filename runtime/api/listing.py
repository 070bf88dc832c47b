"""The runs in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from fedqmix.runtime.api.run import Run
from fedqmix.runtime.configuration.runs import runs_in
from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.runs.collecting.folder import archives_in


def runs(folder: str | os.PathLike[str] = "runs") -> list[Run]:
    """Return the runs in a folder, up to three folders deep: run folders, then collected runs, by path.

    Each has `state`, `steps`, `score`, `score_kind`, `size` and `age`. Raises CheckpointError when there is no such
    folder.
    """
    path = Path(folder)
    if not path.is_dir():
        raise CheckpointError(f"there is no folder {path}: a folder of runs is needed, such as runs/.")
    return [Run(found) for found in (*runs_in(path), *archives_in(path))]
