"""Archives of a few small files (tar, xz); the bytes depend only on file names and content.

The reader trusts no archive: sizes are bounded before unpacking, and unpacking happens in memory. An archive that
differs from the output of `pack` is refused, for example for a link, a path, a user name or a time.
"""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path

from fedqmix.runtime.core.errors import CheckpointError

SUFFIX = ".tar.xz"
LARGEST_PACKED = 8 * 2**20
"""Bytes of an archive at most. A run of 2,000 evaluations takes less than a tenth."""
LARGEST = 64 * 2**20
"""Bytes of its unpacked content at most."""
_MEMORY = 32 * 2**20
"""Bytes of xz's decoder at most; `pack` writes with xz's preset 6, which needs 9 MiB."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of files. files: content by name, in the order in which they are packed."""
    return lzma.compress(_tar(files), format=lzma.FORMAT_XZ, preset=6)


def unpack(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """Return the content of every file in an archive by name.

    names: the files that it must hold, all of them and no other. Raises CheckpointError for an archive that is
    missing, too large, damaged, or not as `pack` writes it.
    """
    data = _decompressed(path)
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                plain = member.type == tarfile.REGTYPE and 0 <= member.size <= len(data)
                content = tar.extractfile(member) if plain else None
                if member.name not in names or member.name in files or content is None:
                    raise CheckpointError(f"{path} is refused: {member.name[:80]!r} does not belong in it.")
                files[member.name] = content.read()
    except (tarfile.TarError, ValueError, OverflowError, EOFError, OSError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from error
    if missing := [name for name in names if name not in files]:
        raise CheckpointError(f"{path} is damaged: it has no {' and no '.join(missing)}.")
    if _tar(files) != data:
        raise CheckpointError(f"{path} is refused: it holds more than the content of its files.")
    return files


def _decompressed(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_PACKED:
            raise CheckpointError(f"{path} is refused: it is larger than {LARGEST_PACKED:,} bytes.")
        decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)
        data = decompressor.decompress(path.read_bytes(), max_length=LARGEST + 1)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}.") from error
    except (lzma.LZMAError, EOFError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from error
    if len(data) > LARGEST:
        raise CheckpointError(f"{path} is refused: it holds more than {LARGEST:,} bytes.")
    if not decompressor.eof or decompressor.unused_data:
        raise CheckpointError(f"{path} is damaged: its end is missing, or something follows it.")
    return data


def _tar(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)  # by default without a user name, of 1970, readable by all
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
