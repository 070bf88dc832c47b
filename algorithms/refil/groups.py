"""The imagined groups of a training step: every party draws them itself, so no message holds them.

For each episode a probability p is drawn uniformly from 0 to 1. Then each entity, agent or not, joins the first group
with probability p, else the second (Iqbal et al. 2021, section 4.2; shariqiqbal2810/REFIL). A group holds for the whole
episode.
"""

from __future__ import annotations

import numpy as np

from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.episodes import StepDraws
from fedqmix.runtime.core.spaces import entity_table
from fedqmix.runtime.core.world import Bools, TeamSpec


def imagined_groups(draws: StepDraws, episodes: int, entities: int) -> Bools:
    """Return whether each entity is in the first group: [episodes, entities].

    episodes: of the batch, longest first (runtime.core.timeline). entities: `numbered_entities`.
    """
    drawn = seeds.generator(draws.seed, "imagined groups", draws.train_steps).random((episodes, 1 + entities))
    groups: Bools = np.less(drawn[:, 1:], drawn[:, :1])
    return groups


def numbered_entities(spec: TeamSpec) -> int:
    """Return how many entities are numbered in observations and states.

    Raises ConfigurationError when the world has no entities.
    """
    return max(entity_table(spec.observation, "observation").entities, entity_table(spec.state, "state").entities)
