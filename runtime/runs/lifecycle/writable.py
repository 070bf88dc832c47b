"""The check that a folder can be made and written; it leaves no file behind."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from fedqmix.runtime.core.errors import ConfigurationError

ROOM = 256
"""Most bytes that a path inside a run folder adds to the folder's own path."""
ADVICE = {
    "resume": "Make it writable, or copy the run to another place and go on with it there.",
    "out": "Choose another place with out=FOLDER.",
}


def require_writable(path: Path, setting: str = "run_dir") -> None:
    """Check that a folder can be written, or made if it is missing; nothing is left behind.

    The caller checks for a file in its place. setting: the option that names the folder, for the error. Raises
    ConfigurationError.
    """
    reason = _reason(Path(os.path.abspath(path)))
    if reason is not None:
        shown = str(path) if len(str(path)) <= 120 else f"{str(path)[:60]}...{str(path)[-40:]}"
        raise ConfigurationError(
            f"{setting}={shown} cannot be written: {reason}. {ADVICE.get(setting, 'Choose another folder.')}"
        )


def _reason(path: Path) -> str | None:
    """Return the reason why a folder cannot be written; None when it can. path: absolute."""
    try:
        there = _nearest(path)
        if not there.is_dir():
            return None if there == path else f"{there} is a file"
        longest_name, longest_path = (os.pathconf(there, name) for name in ("PC_NAME_MAX", "PC_PATH_MAX"))
        for part in path.relative_to(there).parts:
            if len(os.fsencode(part)) > longest_name:
                return f"a name has {len(os.fsencode(part))} bytes, of which {longest_name} are allowed"
        if len(os.fsencode(path)) + ROOM > longest_path:
            return f"the path has {len(os.fsencode(path))} bytes, of which {longest_path - ROOM} are allowed"
        with tempfile.TemporaryFile(dir=there):
            return None
    except (OSError, ValueError) as error:  # ValueError: a null byte
        return str(getattr(error, "strerror", None) or error)


def _nearest(path: Path) -> Path:
    """Return the path or its nearest existing parent. Raises OSError for an unreadable one."""
    for one in (path, *path.parents):
        try:
            one.stat()
        except (FileNotFoundError, NotADirectoryError):
            if one.is_symlink():
                raise
            continue
        return one
    raise AssertionError("the root is always there")
