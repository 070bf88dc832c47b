"""The size of a folder's files, and the time since the newest of them was written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path


def size_and_age(path: Path) -> tuple[int, timedelta]:
    """Return the bytes of a file, or of all files in a folder, and the time since the last was written.

    Symbolic links are not followed; files that vanish meanwhile, or cannot be examined, are left out.
    """
    sizes, times = [0], [0.0]
    for entry in _files(path):
        try:
            found = entry.lstat()
        except OSError:
            continue
        sizes.append(found.st_size)
        times.append(found.st_mtime)
    return sum(sizes), timedelta(seconds=max(0.0, time.time() - max(times)))


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
    for root, _, files in os.walk(path):
        for name in files:
            yield Path(root, name)
