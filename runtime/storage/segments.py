"""Episodes on disk: each save writes those added since the last one, and leans on the files of earlier saves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import safetensors.torch

from fedqmix.runtime.storage.files import sync_folder, write_whole
from fedqmix.runtime.storage.manifest import FileEntry, RingEntry, Segment
from fedqmix.runtime.storage.ring import EpisodeRing

SMALL = 1 << 20
"""A last segment of fewer bytes is written again together with what is new, so that files do not pile up."""
LARGE = 128 << 20
"""No segment is planned for more bytes, so that writing one takes little memory."""


class SegmentFolder:
    """The folder of episode files, <ring>-<first>-<count>-<start of SHA-256>.safetensors.

    The checksum in the name keeps a run that was resumed from an older checkpoint from writing over the episodes
    that newer checkpoints lean on: same name, same content.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def extend(self, name: str, ring: EpisodeRing, known: RingEntry | None) -> RingEntry:
        """Write a ring's episodes that no known segment holds.

        known: the ring as of the checkpoint before, if any. Returns the ring with all segments its episodes need.
        Raises OSError when a file cannot be written.
        """
        kept = [segment for segment in known.segments if segment.end > ring.oldest] if known else []
        if known and known.added > ring.added:
            kept = []  # not the same ring any more
        start = kept[-1].end if kept else ring.oldest
        if kept and start < ring.added and kept[-1].file.size < SMALL:
            start = max(kept.pop().first, ring.oldest)
        return RingEntry(ring.added, kept + list(self._write(name, ring, start)))

    def sync(self) -> None:
        """Wait until the disk knows the names of all segments."""
        sync_folder(self.folder)

    def delete_unneeded(self, rings: Iterable[RingEntry]) -> None:
        """Delete all segments that none of the given rings leans on."""
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
