"""The episode buffer of experience replay (Lin 1992; Mnih et al. 2015): a ring of slots.

Agents store their private episodes in one ring, the mixer process stores states and team rewards in another. Both
number episodes alike, so a slot holds the same episode on either side. Episodes may differ in length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fedqmix.runtime.core.errors import CheckpointError, SlotError
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import Bools, Integers

LENGTHS = "lengths"
EXISTS = "exists"
"""The name under which a segment stores which agents exist in each episode; absent where all exist in all."""


@dataclass(frozen=True)
class Field:
    """One column of an episode.

    lead: axes before the rows, (agents,) for a stack of private buffers, () for the team's.
    trailing: shape of one row, (obs_dim,) for observations, () for rewards.
    """

    lead: tuple[int, ...]
    trailing: tuple[int, ...]
    dtype: torch.dtype


class EpisodeRing:
    """Episodes of different lengths in numbered slots; the oldest is overwritten first.

    Episode number e is in slot e % capacity, from row slot * (limit + 1) on in one tensor per field,
    [*lead, capacity * (limit + 1), *trailing]. On the CPU, rows that no episode has reached take no memory.

    capacity: episodes held at most; limit: environment steps of an episode at most. agents: the agents whose existence
    is stored with each episode.
    """

    def __init__(
        self, capacity: int, limit: int, fields: Mapping[str, Field], device: torch.device, agents: int = 0
    ) -> None:
        if capacity < 1 or limit < 1:
            raise ValueError(f"capacity and limit must be at least 1; got {capacity} and {limit}")
        for name in fields.keys() & {LENGTHS, EXISTS}:
            raise ValueError(f"a field cannot be called {name!r}: the ring uses this name for a value of an episode")
        self.capacity = capacity
        self.limit = limit
        self.agents = agents
        self.fields = dict(fields)
        self.device = device
        self.added = 0
        """Episodes ever added."""
        self._lengths: Integers = np.zeros(capacity, dtype=np.int64)  # 0: no episode yet
        self._exists: Bools = np.ones((agents, capacity), np.bool_)
        rows = capacity * (limit + 1)
        # Read-only for callers, which find an episode's rows with `rows`.
        self.columns: dict[str, Tensor] = {
            name: torch.empty((*field.lead, rows, *field.trailing), dtype=field.dtype, device=device)
            for name, field in fields.items()
        }

    @staticmethod
    def nbytes_full(capacity: int, limit: int, fields: Mapping[str, Field]) -> int:
        """Return the bytes of a ring when every slot holds an episode of full length."""
        rows = capacity * (limit + 1)
        return sum(rows * math.prod(f.lead) * math.prod(f.trailing) * f.dtype.itemsize for f in fields.values())

    @property
    def filled(self) -> int:
        """Episodes held now: slots 0 to filled - 1."""
        return min(self.added, self.capacity)

    @property
    def oldest(self) -> int:
        """Number of the oldest episode still held."""
        return self.added - self.filled

    def add(self, columns: Mapping[str, Tensor], lengths: Integers, exists: Bools | None = None) -> None:
        """Add a batch of finished episodes, in order.

        columns: every field's [*lead, time, batch, *trailing], time at least the longest length + 1. An episode's
        rows 0 to length are stored (its length + 1 moments); later rows are not read.
        lengths: [batch] int64, 1 <= length <= limit. exists: [agents, batch], the agents of each; None: all.
        Raises ValueError when a shape, dtype or length does not fit; the ring is then unchanged.
        """
        self._check_lengths(lengths)
        here = self._checked_exists(exists, lengths)
        self._check_columns(columns, lengths)
        batch = lengths.shape[0]
        first_kept = max(0, batch - self.capacity)  # this batch would overwrite earlier ones
        kept = np.arange(first_kept, batch)
        episode, time = _moments(lengths[kept])
        source = torch.from_numpy(time * batch + kept[episode])
        target = self._index(self._slots(self.added + kept)[episode] * (self.limit + 1) + time)
        for name, field in self.fields.items():
            axis = len(field.lead)
            column = columns[name]
            rows = column.flatten(axis, axis + 1).index_select(axis, source.to(column.device))
            self.columns[name].index_copy_(axis, target, rows.to(self.device))
        self._lengths[self._slots(self.added + kept)] = lengths[kept]
        self._exists[:, self._slots(self.added + kept)] = here[:, kept]
        self.added += batch

    def lengths(self, slots: Integers) -> Integers:
        """Return the lengths [batch] of the episodes in slots [batch].

        Raises SlotError when a slot holds no finished episode.
        """
        known = (slots >= 0) & (slots < self.capacity)
        lengths: Integers = np.where(known, self._lengths[slots % self.capacity], 0)
        empty = lengths == 0
        if not np.any(empty):
            return lengths
        raise SlotError(
            f"slot {int(slots[empty][0])} holds no finished episode: {self.filled} of {self.capacity} slots are "
            "filled. Collect more episodes before drawing."
        )

    def exists(self, slots: Integers) -> Bools | None:
        """Return which agents exist in the episodes in slots [batch]: [agents, batch]; None where all do."""
        found: Bools = np.ascontiguousarray(self._exists[:, slots])
        return None if found.all() else found

    def draw(self, slots: Integers, timeline: Timeline) -> dict[str, Tensor]:
        """Gather episodes by slot, without padding.

        slots: [batch] int64; timeline: the layout of these episodes, `timeline(ring.lengths(slots))`.
        Returns every field's [*lead, moments, *trailing] in the timeline's order.
        Raises SlotError when a slot holds no finished episode, ValueError when the timeline has other lengths.
        """
        return self._gather(self._index(self.rows(slots, timeline)))

    def rows(self, slots: Integers, timeline: Timeline) -> Integers:
        """Return the row of each moment in the columns: [moments], in the timeline's order.

        Arguments and errors as for `draw`.
        """
        if not np.array_equal(self.lengths(slots), timeline.lengths):
            raise ValueError("the timeline was not laid out for these slots: its lengths are not the episodes'")
        rows: Integers = slots[timeline.moment_episode] * (self.limit + 1) + timeline.moment_time
        return rows

    def packed(self, first_episode: int, end: int | None = None) -> dict[str, Tensor]:
        """Concatenate episodes for a checkpoint.

        Takes episodes first_episode to end - 1 (default: all added so far) that are still held, oldest first.
        Returns every field's [*lead, moments, *trailing] on the CPU, and "lengths" [episodes] int64; "exists"
        [agents, episodes] bool unless all exist in all. The last episode is number end - 1.
        """
        numbers = np.arange(max(first_episode, self.oldest), self.added if end is None else min(end, self.added))
        slots = self._slots(numbers)
        lengths = self._lengths[slots]
        episode, time = _moments(lengths)
        gathered = self._gather(self._index(slots[episode] * (self.limit + 1) + time))
        exists = self.exists(slots)
        own = {LENGTHS: lengths} if exists is None else {LENGTHS: lengths, EXISTS: exists}
        return {name: column.cpu() for name, column in gathered.items()} | {
            name: torch.from_numpy(value) for name, value in own.items()
        }

    def restore(self, first_episode: int, segment: Mapping[str, Tensor]) -> None:
        """Load packed episodes with their old numbers.

        Segments are loaded in order: the first into an empty ring, each other where the previous one ended.
        segment: the output of `packed`; its first episode gets the number first_episode.
        Raises CheckpointError when the segment does not fit this ring or leaves a gap; the ring is then unchanged.
        """
        if self.added not in (0, first_episode):
            raise CheckpointError(
                f"a segment begins at episode {first_episode}, but the episodes restored so far end before episode "
                f"{self.added}. The checkpoint lists its segments in the wrong order or lacks one."
            )
        lengths = self._segment_lengths(segment)
        exists = self._segment_exists(segment, lengths)
        first_kept = max(0, lengths.shape[0] - self.capacity)
        episode, time = _moments(lengths)
        held = episode >= first_kept
        slots = self._slots(first_episode + np.arange(lengths.shape[0]))
        source = torch.from_numpy(np.flatnonzero(held))
        target = self._index((slots[episode] * (self.limit + 1) + time)[held])
        for name, field in self.fields.items():
            axis = len(field.lead)
            rows = segment[name].index_select(axis, source)
            self.columns[name].index_copy_(axis, target, rows.to(self.device))
        self._lengths[slots[first_kept:]] = lengths[first_kept:]
        self._exists[:, slots[first_kept:]] = exists[:, first_kept:]
        self.added = first_episode + lengths.shape[0]

    def _slots(self, episodes: Integers) -> Integers:
        return episodes % self.capacity

    def _index(self, rows: Integers) -> Tensor:
        return torch.from_numpy(rows).to(self.device)

    def _gather(self, rows: Tensor) -> dict[str, Tensor]:
        return {name: self.columns[name].index_select(len(f.lead), rows) for name, f in self.fields.items()}

    def _check_lengths(self, lengths: Integers) -> None:
        if lengths.ndim != 1 or lengths.dtype != np.int64:
            raise ValueError(f"lengths must be one row of int64; got {lengths.dtype} of shape {lengths.shape}")
        if lengths.size and not 1 <= lengths.min() <= lengths.max() <= self.limit:
            raise ValueError(f"an episode has 1 to {self.limit} environment steps; got lengths {lengths.tolist()}")

    def _checked_exists(self, exists: Bools | None, lengths: Integers) -> Bools:
        """Return which agents exist: [agents, batch]. Raises ValueError when the shape or type does not fit."""
        shape = len(self._exists), len(lengths)
        if exists is None:
            return np.ones(shape, np.bool_)
        if exists.dtype != np.bool_ or exists.shape != shape:
            raise ValueError(f"exists must be bool of shape {shape}; got {exists.dtype} of shape {exists.shape}")
        return exists

    def _check_columns(self, columns: Mapping[str, Tensor], lengths: Integers) -> None:
        if columns.keys() != self.fields.keys():
            raise ValueError(f"columns must be {sorted(self.fields)}; got {sorted(columns)}")
        longest = int(lengths.max(initial=0))
        for name, field in self.fields.items():
            column, axis = columns[name], len(field.lead)
            shape = tuple(column.shape)
            expected = (*field.lead, *shape[axis : axis + 1], lengths.shape[0], *field.trailing)
            if column.dtype != field.dtype or shape != expected or shape[axis] <= longest:
                raise ValueError(
                    f"column {name} must be {field.dtype} of shape [{_axes(field.lead)}time > {longest}, "
                    f"{lengths.shape[0]}, {_axes(field.trailing)}]; got {column.dtype} of shape {shape}"
                )

    def _segment_lengths(self, segment: Mapping[str, Tensor]) -> Integers:
        if segment.keys() - {EXISTS} != self.fields.keys() | {LENGTHS}:
            raise CheckpointError(
                f"a segment must hold {sorted([*self.fields, LENGTHS])}; this holds {sorted(segment)}. Resume with the "
                "settings the checkpoint was written with."
            )
        lengths: Integers = segment[LENGTHS].numpy()
        try:
            self._check_lengths(lengths)
        except ValueError as error:
            raise CheckpointError(f"the episodes of the checkpoint do not fit this run's buffer: {error}") from error
        moments = int(lengths.sum()) + lengths.shape[0]
        for name, field in self.fields.items():
            expected = (*field.lead, moments, *field.trailing)
            if segment[name].dtype != field.dtype or tuple(segment[name].shape) != expected:
                raise CheckpointError(
                    f"{name} of the checkpoint's episodes is {segment[name].dtype} of shape "
                    f"{tuple(segment[name].shape)}; this run's buffer takes {field.dtype} of shape {expected}. "
                    "Resume with the settings the checkpoint was written with."
                )
        return lengths

    def _segment_exists(self, segment: Mapping[str, Tensor], lengths: Integers) -> Bools:
        try:
            return self._checked_exists(segment[EXISTS].numpy() if EXISTS in segment else None, lengths)
        except ValueError as error:
            raise CheckpointError(f"the episodes of the checkpoint do not fit this run's team: {error}") from error


def _moments(lengths: Integers) -> tuple[Integers, Integers]:
    """Return (position of the episode, time) of every moment, for concatenated episodes."""
    counts = lengths + 1
    episode = np.repeat(np.arange(lengths.shape[0]), counts)
    time = np.arange(episode.shape[0]) - np.repeat(np.cumsum(counts) - counts, counts)
    return episode, time


def _axes(sizes: tuple[int, ...]) -> str:
    return "".join(f"{size}, " for size in sizes)
