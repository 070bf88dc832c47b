"""The episodes of a training step: every party draws them itself, with the same outcome."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import SlotError
from fedqmix.runtime.core.world import Integers
from fedqmix.runtime.storage.ring import EpisodeRing


def slots_to_learn_from(
    ring: EpisodeRing, batch: int, seed: int, step: int, replay: Literal["uniform", "newest"] = "uniform"
) -> Integers:
    """Draw `batch` different episodes uniformly, or take the newest ones.

    A uniform draw depends on (seed, step) and on the number of stored episodes. step: training steps taken so far.
    replay: algorithms.base.AgentHalf.replay.
    Returns slots [batch] int64, longest episode first. Raises SlotError when fewer episodes are stored.
    """
    if ring.filled < batch:
        raise SlotError(f"{batch} episodes were asked for, {ring.filled} are stored: play more before learning")
    if replay == "newest":
        slots: Integers = np.arange(ring.added - batch, ring.added) % ring.capacity
    else:
        random = seeds.generator(seed, "episodes to learn from", step)
        slots = random.choice(ring.filled, batch, replace=False).astype(np.int64)
    return slots[np.argsort(-ring.lengths(slots), kind="stable")]
