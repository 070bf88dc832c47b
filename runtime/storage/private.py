"""Private folders: other users of the machine cannot read episodes, networks and logs."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

PRIVATE = 0o077
"""The umask of processes that write to such a folder: no access for group and others."""

_log = logging.getLogger(__name__)


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner can access (mode 0700), and return it.

    If the folder exists, the access rights of it and of its content are tightened. Logs a warning, with the command
    to type, where this is not possible: another user owns the folder, or it contains the working directory or the
    user's home, which hold more than a party's state. Another user may own a folder with the sticky bit, as in our
    containers, because the content that this process puts there stays its own.
    Raises OSError when the folder cannot be made.
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
        _log.warning("%s could be read by others; now only its owner can access it.", folder)
    return folder


def private_opener(path: str, flags: int) -> int:
    """Open a file with mode 0600 if it is new; for `open(..., opener=private_opener)`."""
    return os.open(path, flags, 0o600)


def readable(folder: Path) -> Iterator[Path]:
    """Yield every path in a folder, itself included, that other users may read, write or enter.

    Symbolic links are not followed. The content of a private folder is examined too, because it may be moved, copied
    or made accessible later.
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
    except OSError:  # deleted meanwhile
        return 0


def _holds_more(folder: Path) -> bool:
    real = folder.resolve()
    return any(other.is_relative_to(real) for other in (Path.cwd().resolve(), Path.home().resolve()))
