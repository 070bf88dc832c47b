"""Checkpoints to resume a run from; each is complete or absent, even after a crash.

    checkpoints/
    ├── round-000012/
    │   ├── <group>.safetensors     networks, optimisers: one file per group
    │   ├── facts.json              counters, best results: JSON values
    │   └── manifest.json           size and SHA-256 of every file, of every segment, and of itself
    ├── best/                       the best evaluation's networks, in the same format, without episodes
    └── episodes/                   segments of the episode rings, shared by the checkpoints

Episodes are most of a run's state and never change. Each is therefore written once, by the first save after it was
played; later checkpoints refer to that file.
"""

from __future__ import annotations

import errno
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from fedqmix.runtime.core.errors import CheckpointError, StorageError
from fedqmix.runtime.storage import manifest, reading
from fedqmix.runtime.storage.files import (
    TEMPORARY,
    delete_folder,
    delete_temporaries,
    publish_folder,
    put_back,
    write_synced,
)
from fedqmix.runtime.storage.manifest import MANIFEST, NAME, FileEntry, Manifest, RingEntry
from fedqmix.runtime.storage.reading import Checkpoint
from fedqmix.runtime.storage.ring import EpisodeRing
from fedqmix.runtime.storage.segments import SegmentFolder

__all__ = ["Checkpoint", "CheckpointStore"]

log = logging.getLogger(__name__)

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Tensors = Mapping[str, Mapping[str, Tensor]]


class CheckpointStore:
    """The checkpoints of one run. One process writes; several may read.

    folder: RUN_DIR/checkpoints; unchanged before the first save. keep: the number of newest rounds that are kept.
    run_id: written into every checkpoint; a checkpoint of another run is refused. owner: the party of a federation
    that the states belong to ("agent 2"), for error messages; None: a run of one process.
    """

    def __init__(self, folder: Path, keep: int, run_id: str, owner: str | None = None) -> None:
        if keep < 1:
            raise ValueError(f"keep must be at least 1; got {keep}")
        self.folder = folder
        self.keep = keep
        self.run_id = run_id
        self.owner = owner
        self._segments = SegmentFolder(folder / reading.EPISODES)
        self._round = 0  # of the checkpoint that was last saved or resumed from
        self._rings: dict[str, RingEntry] = {}  # as of that checkpoint
        self._writing = False

    def save(self, round_: int, tensors: Tensors, facts: Mapping[str, Any], rings: Mapping[str, EpisodeRing]) -> Path:
        """Write the checkpoint of a finished round, then delete checkpoints that are no longer kept.

        tensors: by group and name, on any device; facts: JSON values with text keys (NaN and infinities are
        preserved). After `resume_from`, the first save also deletes the checkpoints of later rounds, which the
        resumed run replaces. Returns the checkpoint's folder.

        Raises StorageError when the checkpoint could not be written. Raises CheckpointError when the folder holds
        another run's checkpoints, or this run was not resumed from them. All earlier checkpoints are then complete,
        and no partial files are left.
        """
        final = self.folder / f"round-{round_:06d}"
        with self._transaction(final):
            entries = {
                name: self._segments.extend(_plain(name), ring, self._rings.get(name)) for name, ring in rings.items()
            }
            self._segments.sync()
            self._write(final, round_, tensors, facts, entries)
        self._round, self._rings = round_, entries
        self._prune()
        return final

    def save_best(self, tensors: Tensors, facts: Mapping[str, Any]) -> Path:
        """Write the networks of the best evaluation so far; replace the previous ones.

        The format is the same as of `save`, without episodes; the round is the last checkpoint's. Raises as `save`.
        """
        final = self.folder / reading.BEST
        with self._transaction(final):
            self._write(final, self._round, tensors, facts, {})
        return final

    def latest(self) -> Path:
        """Return the newest round's checkpoint. Raises CheckpointError when there is none."""
        found = reading.rounds(self.folder)
        if not found:
            raise CheckpointError(f"{self.folder} holds no checkpoint. Start a run with: fedqmix train")
        return found[max(found)]

    def best(self) -> Path:
        """Return the checkpoint of the best evaluation. Raises CheckpointError when there is none."""
        found = reading.best(self.folder)
        if found is None:
            raise CheckpointError(f"{self.folder} holds no best networks: no evaluation has been finished yet.")
        return found

    @staticmethod
    def load(path: Path, owner: str | None = None) -> Checkpoint:
        """Load a checkpoint folder and verify every file that it contains or refers to.

        owner: as for the class. Raises CheckpointError, which names the first file that is missing or damaged and a
        checkpoint that is complete.
        """
        return reading.load(path, owner)

    @staticmethod
    def locate(path: Path) -> Path:
        """Return a run folder's newest checkpoint, or the checkpoint that `path` itself is.

        Raises CheckpointError when there is none.
        """
        return reading.locate(path)

    def require_own(self, checkpoint: Checkpoint) -> None:
        """Raise CheckpointError when a checkpoint belongs to another run."""
        if checkpoint.run_id != self.run_id:
            raise CheckpointError(f"{checkpoint.path} belongs to run {checkpoint.run_id}; this is run {self.run_id}.")

    def resume_from(self, checkpoint: Checkpoint) -> None:
        """Resume from a loaded checkpoint: the next save adds to its episodes.

        Raises CheckpointError when it belongs to another run, StorageError when partial files cannot be deleted.
        """
        self.require_own(checkpoint)
        self._round = checkpoint.round
        here = checkpoint.path.parent.resolve() == self.folder.resolve()
        self._rings = dict(checkpoint.rings) if here else {}
        if here:
            self._writing = True
            with self._transaction(checkpoint.path):
                self._tidy()

    @contextmanager
    def _transaction(self, final: Path) -> Iterator[None]:
        """Leave a complete checkpoint or none; report the reason when it could not be written."""
        if not self._writing and reading.rounds(self.folder):
            raise CheckpointError(
                f"{self.folder} already holds the checkpoints of a run. Resume it (fedqmix train "
                f"resume={self.folder.parent}) or choose another run_dir."
            )
        try:
            if not self._writing:
                self._segments.folder.mkdir(parents=True, exist_ok=True)
                self._tidy()
                self._writing = True
            yield
        except OSError as error:
            self._undo()
            raise StorageError(self._explain(final, error)) from error
        except BaseException:  # also Ctrl-C
            self._undo()
            raise

    def _write(
        self, final: Path, round_: int, tensors: Tensors, facts: Mapping[str, Any], rings: Mapping[str, RingEntry]
    ) -> None:
        temporary = final.with_name(TEMPORARY + final.name)
        temporary.mkdir()
        groups = {name: _write_group(temporary, _plain(name), group) for name, group in tensors.items()}
        plain = json.dumps(dict(facts), indent=1).encode()
        write_synced(temporary / "facts.json", plain)
        contents = Manifest(round_, self.run_id, FileEntry.of("facts.json", plain), groups, dict(rings))
        write_synced(temporary / MANIFEST, contents.dumps())
        publish_folder(temporary, final)

    def _prune(self) -> None:
        """Delete checkpoints that are no longer kept.

        The new checkpoint is complete, so a failure here is only logged.
        """
        try:
            found = reading.rounds(self.folder)
            kept = [round_ for round_ in found if round_ <= self._round][-self.keep :]
            for round_, path in found.items():
                if round_ not in kept:
                    delete_folder(path)
            self._tidy()
        except OSError as error:
            log.warning("old checkpoints could not be deleted (the next save tries again): %s", error)

    def _tidy(self) -> None:
        """Delete partial files of crashed writers, and segments that no checkpoint refers to."""
        put_back(self.folder)
        delete_temporaries(self.folder)
        delete_temporaries(self._segments.folder)
        try:
            leaning = [
                ring for path in reading.rounds(self.folder).values() for ring in manifest.read(path).rings.values()
            ]
        except (CheckpointError, FileNotFoundError) as error:
            log.warning("no episodes were deleted, because it is not known which checkpoints need them: %s", error)
            return
        self._segments.delete_unneeded(leaning)

    def _undo(self) -> None:
        try:
            self._tidy()
        except OSError as error:
            log.warning("unfinished files are left for the next start to clean up: %s", error)

    def _explain(self, final: Path, error: OSError) -> str:
        file = str(error.filename or final).replace(TEMPORARY, "")
        what = f"Checkpoint {final.name} could not be written:"
        if self.owner is not None:
            what = f"{self.owner} could not write"
        text = f"{what} {file}: {error.strerror}."
        if error.errno in DISK_FULL:
            existing = next(folder for folder in (self.folder, *self.folder.parents) if folder.exists())
            free = shutil.disk_usage(existing).free
            text += f" {free:,} bytes are free there; make room."
        return f"{text} {reading.resume_advice(self.folder, owner=self.owner)}"


def _write_group(folder: Path, name: str, group: Mapping[str, Tensor]) -> FileEntry:
    # One copy per tensor: safetensors refuses views of one storage, such as slices of a flat parameter vector.
    copies = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in group.items()}
    data = safetensors.torch.save(copies)
    write_synced(folder / f"{name}.safetensors", data)
    return FileEntry.of(f"{name}.safetensors", data)


def _plain(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"the name of a group or ring becomes a file's: letters, digits, _ . -; got {name!r}")
    return name
