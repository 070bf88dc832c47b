"""The manifest of a checkpoint: size and SHA-256 of every file it contains or refers to.

The manifest also holds its own SHA-256.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.storage.files import sha256
from fedqmix.runtime.storage.untrusted import parse_json, read_file

FORMAT = 1
MANIFEST = "manifest.json"
LARGEST = 16 * 2**20
"""Bytes of a manifest at most; one with a thousand segments takes 250,000."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Names of groups, rings and files: a plain file name, not a path."""


@dataclass(frozen=True)
class FileEntry:
    """One file: its name in its folder, its size in bytes, its SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, name: str, data: bytes) -> FileEntry:
        """Return the entry of a file with this content."""
        return cls(name, len(data), sha256(data))


@dataclass(frozen=True)
class Segment:
    """Episodes first .. first + count - 1 of a ring, in one file of the episodes folder."""

    first: int
    count: int
    file: FileEntry

    @property
    def end(self) -> int:
        """The number of the episode after the last."""
        return self.first + self.count


@dataclass(frozen=True)
class RingEntry:
    """The content of a ring: episodes ever added, and the ordered segments of those still held."""

    added: int
    segments: list[Segment]


@dataclass(frozen=True)
class Manifest:
    """The table of contents of a checkpoint. groups: files by group name; rings: by ring name."""

    round: int
    run_id: str
    facts: FileEntry
    groups: dict[str, FileEntry]
    rings: dict[str, RingEntry] = field(default_factory=dict)

    def dumps(self) -> bytes:
        """Return the manifest as JSON whose last entry is the SHA-256 of all bytes before it."""
        body = json.dumps({"format": FORMAT, **asdict(self)}, indent=1).removesuffix("\n}").encode()
        return body + _seal(body)


def loads(data: bytes) -> Manifest:
    """Parse a manifest; the inverse of `dumps`.

    Raises CheckpointError when any byte differs from the original, or the format is not FORMAT.
    """
    length = len(_seal(b""))
    if len(data) < length or data[-length:] != _seal(data[:-length]):
        raise CheckpointError("it is damaged: its content does not match its own checksum")
    body = parse_json("the manifest", data)
    if not isinstance(body, dict) or type(body.get("format")) is not int:
        raise CheckpointError("it is damaged: it names no format")
    if body["format"] != FORMAT:
        raise CheckpointError(f"it is of checkpoint format {body['format']}; this fedqmix reads format {FORMAT}")
    try:
        return _manifest(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"it is damaged: {error!r}") from error


def _seal(body: bytes) -> bytes:
    return f',\n "sha256": "{sha256(body)}"\n}}\n'.encode()


def read(checkpoint: Path) -> Manifest:
    """Read the manifest of a checkpoint folder.

    Raises CheckpointError when it is missing, damaged or cannot be read.
    """
    path = checkpoint / MANIFEST
    data = read_file(path, LARGEST)
    try:
        return loads(data)
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be used: {str(error).removesuffix('.')}.") from error


def _manifest(body: dict[str, Any]) -> Manifest:
    return Manifest(
        round=_count(body["round"]),
        run_id=_text(body["run_id"]),
        facts=_entry(body["facts"]),
        groups={_text(name): _entry(entry) for name, entry in body["groups"].items()},
        rings={
            _text(name): RingEntry(_count(ring["added"]), _segments(ring["segments"]))
            for name, ring in body["rings"].items()
        },
    )


def _segments(entries: list[dict[str, Any]]) -> list[Segment]:
    return [Segment(_count(entry["first"]), _count(entry["count"]), _entry(entry["file"])) for entry in entries]


def _entry(values: dict[str, Any]) -> FileEntry:
    """Parse a file's entry; its name cannot lead into another folder."""
    return FileEntry(_text(values["name"]), _count(values["size"]), _text(values["sha256"]))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(f"{str(value)[:80]!r} is not a name")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{str(value)[:80]!r} is not a count")
    return value
