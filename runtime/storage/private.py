"""Folders that only their owner may enter: episodes, networks and logs are nobody else's on the machine."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

PRIVATE = 0o077
"""The umask of whoever writes such a folder: what a file's group and all others may do is nothing."""

_log = logging.getLogger(__name__)


def private_folder(folder: Path) -> Path:
    """Make a folder for its owner alone (mode 0700), and return it.

    One that is there is tightened, with all that is in it. Warns, with what to type, where that is not possible: it
    is somebody else's, or it is around the working directory or the user's home, which hold more than a party's state.
    A folder for everybody with the sticky bit, as in our containers, may be somebody else's: what is put there is not.
    Raises OSError when it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    theirs = folder.stat().st_uid != os.geteuid() and folder.stat().st_mode & stat.S_ISVTX
    found = [path for path in readable(folder) if not (theirs and path == folder)]
    if not found:
        return folder
    if _holds_more(folder):
        _log.warning("%s can be read by others, and holds more than this process's own; name another folder.", folder)
        return folder
    try:
        for path in found:
            path.chmod(path.lstat().st_mode & ~PRIVATE & 0o7777)
    except OSError as error:
        _log.warning("%s can be read by others (%s): chmod -R go-rwx %s", folder, error.strerror, folder)
    else:
        _log.warning("%s could be read by others; now it is its owner's alone.", folder)
    return folder


def private_opener(path: str, flags: int) -> int:
    """Open a file, made for its owner alone; for `open(..., opener=private_opener)`."""
    return os.open(path, flags, 0o600)


def readable(folder: Path) -> Iterator[Path]:
    """Yield the folder, and the files and folders in it, that others than their owner may read, write or enter.

    Symbolic links are not followed. What is in a folder that nobody else may enter is looked at all the same, as it may
    be moved, copied or opened up.
    """
    if _mode(folder) & PRIVATE:
        yield folder
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            if not path.is_symlink() and _mode(path) & PRIVATE:
                yield path


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:  # it has gone
        return 0


def _holds_more(folder: Path) -> bool:
    real = folder.resolve()
    return any(other.is_relative_to(real) for other in (Path.cwd().resolve(), Path.home().resolve()))
