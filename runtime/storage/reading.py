"""Reading of checkpoints: no content is used before its checksum was verified."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.storage import manifest
from fedqmix.runtime.storage.files import ASIDE, sha256, sha256_file
from fedqmix.runtime.storage.manifest import MANIFEST, FileEntry, RingEntry
from fedqmix.runtime.storage.ring import EpisodeRing
from fedqmix.runtime.storage.untrusted import parse_object, read_file, size_of

CHECKPOINTS = "checkpoints"
EPISODES = "episodes"
BEST = "best"
ROUND = re.compile(r"round-(\d{6,})")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose checksums were verified.

    round: the last finished round. tensors: by group and name, on the CPU. facts: as passed to `save`, converted to
    JSON and back (tuples become lists). rings: the episodes that `fill` reads, by ring name.
    """

    path: Path
    round: int
    run_id: str
    tensors: dict[str, dict[str, Tensor]]
    facts: dict[str, Any]
    rings: dict[str, RingEntry]

    def fill(self, rings: Mapping[str, EpisodeRing]) -> None:
        """Load the episodes, with their old numbers, into empty rings.

        Raises CheckpointError when the rings have other names than the checkpoint's, need more episodes than it
        holds, or a segment is damaged. Raises ValueError when a ring is not empty.
        """
        if rings.keys() != self.rings.keys():
            raise CheckpointError(f"{self.path} holds the rings {sorted(self.rings)}; this run has {sorted(rings)}.")
        for name, ring in rings.items():
            if ring.added:
                raise ValueError(f"ring {name} already holds episodes; a checkpoint fills empty rings only")
            self._fill(name, ring)

    def _fill(self, name: str, ring: EpisodeRing) -> None:
        entry = self.rings[name]
        oldest = entry.segments[0].first if entry.segments else 0
        if max(0, entry.added - ring.capacity) < oldest:
            raise CheckpointError(
                f"{self.path} holds the last {entry.added - oldest} episodes of ring {name}; this run's buffer would "
                f"need the last {ring.capacity}. Resume with algorithm.buffer_size={entry.added - oldest} or less."
            )
        for segment in entry.segments:
            path = self.path.parent / EPISODES / segment.file.name
            with _advice(self.path):
                tensors = _tensors(path, _content(path, segment.file))
                _require_finite(path, tensors)
            ring.restore(segment.first, tensors)
        if ring.added != entry.added:
            raise CheckpointError(f"{self.path} lists {entry.added} episodes of ring {name} but holds {ring.added}.")


def load(path: Path, owner: str | None = None) -> Checkpoint:
    """Load a checkpoint folder and verify every file that it contains or refers to.

    owner: the party of a federation that the state belongs to, for error messages; None: a run of one process.
    Raises CheckpointError, which names the first file that is missing, damaged or holds a value that is not finite,
    and a checkpoint that is complete.
    """
    with _advice(path, owner):
        return _load(path)


def locate(path: Path) -> Path:
    """Return the newest checkpoint in a run folder or checkpoints folder, or `path` itself.

    Raises CheckpointError when there is none.
    """
    if (path / MANIFEST).exists():
        return path
    for folder in (path, path / CHECKPOINTS):
        found = rounds(folder)
        if found:
            return found[max(found)]
    raise CheckpointError(
        f"{path} is neither a run folder with checkpoints nor a checkpoint. Give a folder that fedqmix train wrote, "
        f"or one of the round-... folders in its {CHECKPOINTS} folder."
    )


def rounds(folder: Path) -> dict[int, Path]:
    """Return the checkpoint folders by round, in order.

    A folder with the prefix ASIDE, left by a crashed writer, counts unless another replaced it.
    """
    found: dict[int, Path] = {}
    for prefix in (ASIDE, ""):
        for path in folder.glob(f"{prefix}round-*"):
            match = ROUND.fullmatch(path.name.removeprefix(prefix))
            if match and path.is_dir():
                found[int(match[1])] = path
    return dict(sorted(found.items()))


def best(folder: Path) -> Path | None:
    """Return the folder of the best evaluation's networks, or None."""
    return next((path for path in (folder / BEST, folder / (ASIDE + BEST)) if path.is_dir()), None)


def newest_whole(folder: Path, other_than: Path | None = None) -> Path | None:
    """Return the newest checkpoint of a folder whose checksums are right, or None."""
    for path in reversed(rounds(folder).values()):
        if path != other_than and _is_whole(path):
            return path
    return None


def resume_advice(folder: Path, other_than: Path | None = None, owner: str | None = None) -> str:
    """Return a sentence on how to resume from a complete checkpoint. owner: as for `load`."""
    whole = newest_whole(folder, other_than)
    if whole is None:
        return "No other checkpoint there is whole, so the run has to start anew."
    if owner is not None:
        return (
            f"Its state after round {int(whole.name.rpartition('-')[2])} is whole: go on from there, as the run was "
            f"started, with resume=RUN/checkpoints/{whole.name}, where RUN is the run folder."
        )
    return f"Checkpoint {whole} is whole; go on from it with: fedqmix train resume={whole}"


def _is_whole(path: Path) -> bool:
    try:
        _load(path)
    except (CheckpointError, OSError):
        return False
    return True


def _load(path: Path) -> Checkpoint:
    contents = manifest.read(path)
    groups = {}
    for name, entry in contents.groups.items():
        file = path / entry.name
        groups[name] = _tensors(file, _content(file, entry))
        _require_finite(file, groups[name])
    facts_file = path / contents.facts.name
    facts = parse_object(facts_file, _content(facts_file, contents.facts))
    for ring in contents.rings.values():
        for segment in ring.segments:
            _verify(path.parent / EPISODES / segment.file.name, segment.file)
    return Checkpoint(path, contents.round, contents.run_id, groups, facts, contents.rings)


def _content(path: Path, entry: FileEntry) -> bytes:
    """Return the content of a file; only a file of the right size is read."""
    if (size := size_of(path)) != entry.size:
        _compare(path, entry, size, "")
    data = read_file(path, entry.size)
    _compare(path, entry, len(data), sha256(data))
    return data


def _verify(path: Path, entry: FileEntry) -> None:
    size = size_of(path)
    _compare(path, entry, size, sha256_file(path) if size == entry.size else "")


def _compare(path: Path, entry: FileEntry, size: int, checksum: str) -> None:
    if size != entry.size:
        raise CheckpointError(f"{path} is damaged: it has {size:,} bytes of {entry.size:,}.")
    if checksum != entry.sha256:
        raise CheckpointError(f"{path} is damaged: its content does not match its checksum.")


def _tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {str(error).splitlines()[0]}.") from error


def _require_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise CheckpointError unless all values are finite: earlier versions did not check."""
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{path} cannot be resumed from: {name} holds values that are not finite.")


@contextmanager
def _advice(checkpoint: Path, owner: str | None = None) -> Iterator[None]:
    """Turn errors of one checkpoint into CheckpointError with advice on how to go on."""
    try:
        yield
    except FileNotFoundError as error:
        problem: Exception = error
        text = f"{error.filename} is missing."
    except OSError as error:
        problem, text = error, f"{error.filename} cannot be read: {error.strerror}."
    except CheckpointError as error:
        problem, text = error, str(error)
    else:
        return
    whose = "" if owner is None else f"{owner}: "
    raise CheckpointError(f"{whose}{text} {resume_advice(checkpoint.parent, checkpoint, owner)}") from problem
