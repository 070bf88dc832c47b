"""The layout of drawn episodes of different lengths: packed, without padding.

Agents and mixer must agree on the order of the transitions that they exchange. Both draw the same slots and have every
episode's length; this module computes the order from the lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedqmix.runtime.core.world import Integers


@dataclass(frozen=True)
class Timeline:
    """Episodes sorted longest first, packed time step by time step: all first steps, then all second steps, ...

    An episode of length L has L transitions (time 0 to L - 1) and L + 1 moments (time 0 to L: what was seen before
    each action, and after the last). Because the longest come first, the episodes still running at time t are the
    first counts[t] of the batch, and the moment that follows transition k is simply moment batch + k.
    """

    lengths: Integers  # [batch], descending
    counts: Integers  # [longest + 1], episodes that have a moment at time t; counts[0] = batch
    offsets: Integers  # [longest + 2], moments before time t; offsets[-1] = moments
    moment_time: Integers  # [moments]
    moment_episode: Integers  # [moments], position in the batch
    taken: Integers  # [transitions], the moment at which transition k's action was chosen

    @property
    def batch(self) -> int:
        """Number of episodes."""
        return int(self.lengths.shape[0])

    @property
    def moments(self) -> int:
        """Number of observations: transitions + batch."""
        return int(self.offsets[-1])

    @property
    def transitions(self) -> int:
        """Number of (observation, action, reward, next observation) tuples."""
        return int(self.taken.shape[0])

    @property
    def ends(self) -> Integers:
        """[batch] the transition that ends each episode."""
        return self.offsets[self.lengths] - self.batch + np.arange(self.batch)

    @property
    def begins(self) -> Integers:
        """[longest + 1] the first transition of each time step; begins[-1] = transitions."""
        return self.offsets[1:] - self.batch

    def places(self, wider: Timeline) -> Integers:
        """Return the position of each moment in a timeline of the same or greater lengths: [moments]."""
        places: Integers = wider.offsets[self.moment_time] + self.moment_episode
        return places

    def filled(self, wider: Timeline) -> Integers:
        """Return the moment of this timeline for each moment of a wider one: [wider.moments].

        After an episode's end, it is the episode's last moment.
        """
        times = np.minimum(wider.moment_time, self.lengths[wider.moment_episode])
        filled: Integers = self.offsets[times] + wider.moment_episode
        return filled


def widest(timelines: Sequence[Timeline]) -> Timeline:
    """Return the shortest timeline with room for each of several batches of the same size.

    All lengths are sorted, so its k-th length is the largest k-th length of the batches.
    """
    return timelines[0] if len(timelines) == 1 else timeline(np.max([one.lengths for one in timelines], axis=0))


def timeline(lengths: Integers) -> Timeline:
    """Lay out episodes of the given lengths.

    lengths: [batch] int64, each >= 1, sorted descending. Raises ValueError otherwise.
    """
    if lengths.ndim != 1 or lengths.size == 0 or lengths[-1] < 1 or np.any(np.diff(lengths) > 0):
        raise ValueError(f"lengths must be one row, sorted descending, each at least 1; got {lengths!r}")
    times = np.arange(lengths[0] + 1)
    counts = np.searchsorted(-lengths, -times, side="right").astype(np.int64)  # lengths >= t
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    moment_time = np.repeat(times, counts).astype(np.int64)
    moment_episode = np.arange(offsets[-1]) - offsets[moment_time]
    taken = np.flatnonzero(moment_time < lengths[moment_episode])
    return Timeline(lengths, counts, offsets, moment_time, moment_episode, taken)
