"""Episodes on disk: each save writes the new episodes and refers to files of earlier saves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import safetensors.torch

from fedqmix.runtime.storage.files import sync_folder, write_whole
from fedqmix.runtime.storage.manifest import FileEntry, RingEntry, Segment
from fedqmix.runtime.storage.ring import EpisodeRing

SMALL = 1 << 20
"""A last segment of fewer bytes is written again together with new episodes, to limit the number of files."""
LARGE = 128 << 20
"""Bytes of a segment at most, so that writing one takes little memory."""


class SegmentFolder:
    """The folder of episode files, <ring>-<first>-<count>-<start of SHA-256>.safetensors.

    The checksum in the name makes equal names mean equal content. A run that was resumed from an older checkpoint can
    therefore not overwrite episodes that newer checkpoints refer to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def extend(self, name: str, ring: EpisodeRing, known: RingEntry | None) -> RingEntry:
        """Write a ring's episodes that no known segment holds.

        known: the ring at the previous checkpoint, if any. Returns the ring with all segments of its episodes.
        Raises OSError when a file cannot be written.
        """
        kept = [segment for segment in known.segments if segment.end > ring.oldest] if known else []
        if known and known.added > ring.added:
            kept = []  # a different ring
        start = kept[-1].end if kept else ring.oldest
        if kept and start < ring.added and kept[-1].file.size < SMALL:
            start = max(kept.pop().first, ring.oldest)
        return RingEntry(ring.added, kept + list(self._write(name, ring, start)))

    def sync(self) -> None:
        """Wait until the names of all segments are on disk."""
        sync_folder(self.folder)

    def delete_unneeded(self, rings: Iterable[RingEntry]) -> None:
        """Delete all segments that none of the rings refers to."""
        needed = {segment.file.name for ring in rings for segment in ring.segments}
        for path in list(self.folder.glob("*.safetensors")):
            if path.name not in needed:
                path.unlink()

    def _write(self, name: str, ring: EpisodeRing, start: int) -> Iterator[Segment]:
        per_episode = ring.nbytes_full(1, ring.limit, ring.fields)
        step = max(1, LARGE // max(1, per_episode))
        for first in range(start, ring.added, step):
            end = min(first + step, ring.added)
            data = safetensors.torch.save(ring.packed(first, end))
            entry = FileEntry.of("", data)
            file = f"{name}-{first}-{end - first}-{entry.sha256[:12]}.safetensors"
            write_whole(self.folder / file, data)
            yield Segment(first, end - first, FileEntry(file, entry.size, entry.sha256))
