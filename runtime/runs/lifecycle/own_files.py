"""The check that a resumed run writes in its own folder alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fedqmix.runtime.core.errors import CheckpointError

FOLDERS = ("checkpoints", "replays", "logs", "state", "tensorboard", "wandb")
"""The folders that a run writes in."""
FILES = ("config.yaml", "run.json", "metrics.jsonl", "summary.json", "marl_eval.json", ".lock")
DEPLOYED = ("progress.jsonl", "ledger.json", "attempts")
"""Files that a run writes, and further files of a deployment's run.

Other files are not checked.
"""
SPARED = ("replays",)
"""Folders in whose place a file may be: training continues when replays cannot be written."""
LINKING = ("wandb",)
"""Folders in which another program makes links."""
APPENDED = ("metrics.jsonl", "progress.jsonl", "server.log", ".lock")
"""Files that are written in place: a hard link outside the folder would change along."""


def require_own_files(run: Path) -> None:
    """Check that a run's files and folders are not links, and that each has the right kind.

    run: the run folder; its own path may be a link. Raises CheckpointError with the first entry that is not valid.
    """
    for entry in _entries(run):
        path, found = run / entry.path, entry.stat(follow_symlinks=False)
        if entry.is_symlink():
            raise CheckpointError(
                f"{path} is a symbolic link, and a run writes in its own folder alone: put what it leads to in its "
                "place, or move the whole run folder and link to that."
            )
        if entry.name in APPENDED and found.st_nlink > 1 and stat.S_ISREG(found.st_mode):
            raise CheckpointError(
                f"{path} has a second name elsewhere (a hard link), and a run writes in its own folder alone: put a "
                "copy in its place."
            )
        if path.parent != run:
            continue
        if entry.name in FOLDERS and entry.name not in SPARED and not stat.S_ISDIR(found.st_mode):
            raise CheckpointError(f"{path} is not a folder, as it is in a run: move it away.")
        if entry.name in (*FILES, *DEPLOYED) and not stat.S_ISREG(found.st_mode):
            raise CheckpointError(f"{path} is not a regular file, as it is in a run: move it away.")


def _entries(run: Path) -> Iterator[os.DirEntry[str]]:
    """Yield all entries of a run folder and of the folders it writes in; no link is followed."""
    left = [run]
    while left:
        folder = left.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be read: {error.strerror}.") from error
        written = (*FILES, *DEPLOYED, *FOLDERS)
        yield from (entry for entry in entries if folder != run or entry.name in written)
        inner = [entry for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name not in LINKING]
        left += [Path(entry.path) for entry in inner if folder != run or entry.name in FOLDERS]
