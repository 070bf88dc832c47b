"""Atomic writes: write under a temporary name, fsync, rename, fsync the folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

TEMPORARY = ".tmp-"
"""Prefix of files and folders that are being written or deleted; after a crash they are worthless."""
ASIDE = ".old-"
"""Prefix of a complete folder while another replaces it. After a crash it may be the only one left."""


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data`, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal, without holding the file in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and wait until it is on disk.

    An existing file is removed first, so that nothing is written through a symbolic link. Raises OSError, which names
    the file and the number of bytes.
    """
    try:
        path.unlink(missing_ok=True)
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        reason = f"{error.strerror} while {len(data):,} bytes were being written"
        raise OSError(error.errno, reason, str(path)) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write or replace a file atomically. The caller syncs the folder (`sync_folder`)."""
    temporary = path.with_name(TEMPORARY + path.name)
    write_synced(temporary, data)
    temporary.replace(path)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_folder(temporary: Path, final: Path) -> None:
    """Rename a finished folder to `final`; replace an existing one.

    At every moment `final` or its predecessor under the prefix ASIDE is complete (see `put_back`).
    """
    sync_folder(temporary)
    aside = final.with_name(ASIDE + final.name)
    if final.exists():
        final.rename(aside)
    temporary.rename(final)
    sync_folder(final.parent)
    shutil.rmtree(aside, ignore_errors=True)


def delete_folder(folder: Path) -> None:
    """Delete a folder atomically."""
    doomed = folder.with_name(TEMPORARY + "deleted-" + folder.name)
    folder.rename(doomed)
    shutil.rmtree(doomed)


def put_back(folder: Path) -> None:
    """After a crash, rename folders with the prefix ASIDE back unless they were replaced."""
    for aside in list(folder.glob(ASIDE + "*")):
        final = aside.with_name(aside.name.removeprefix(ASIDE))
        if final.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(final)


def delete_temporaries(folder: Path) -> None:
    """After a crash, delete files and folders with the prefix TEMPORARY."""
    for leftover in list(folder.glob(TEMPORARY + "*")):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
