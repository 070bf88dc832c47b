"""The episodes of a training step: every party draws them itself, with the same outcome."""

from __future__ import annotations

import numpy as np

from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import SlotError
from fedqmix.runtime.core.world import Integers
from fedqmix.runtime.storage.ring import EpisodeRing


def slots_to_learn_from(ring: EpisodeRing, batch: int, seed: int, step: int) -> Integers:
    """Draw `batch` different episodes uniformly.

    The draw depends on (seed, step) and on the number of stored episodes. step: training steps taken so far.
    Returns slots [batch] int64, longest episode first. Raises SlotError when fewer episodes are stored.
    """
    if ring.filled < batch:
        raise SlotError(f"{batch} episodes were asked for, {ring.filled} are stored: play more before learning")
    random = seeds.generator(seed, "episodes to learn from", step)
    slots: Integers = random.choice(ring.filled, batch, replace=False).astype(np.int64)
    return slots[np.argsort(-ring.lengths(slots), kind="stable")]
