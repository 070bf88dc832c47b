"""Playing a number of episodes, in batches that the world can play in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.clients.acting import StepObserver, play_batch
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import PlayedEpisodes
from fedqmix.runtime.core.world import Bools, EpisodeBatch, Integers, World


class Played(NamedTuple):
    """The results of episodes, in the order in which they were completed."""

    lengths: Integers  # [episodes], environment steps of each episode
    individual_returns: NDArray[np.float64]  # [agents], individual rewards summed over episodes and environment steps
    won: Bools  # [episodes]
    broken: int  # game breakdowns; each such episode was played again
    played: Integers  # [agents], the episodes in which each agent existed


def play(
    agents: AgentStack,
    world: World,
    episodes: EpisodeBatch,
    epsilon: float,
    observer: StepObserver | None = None,
    keep: Callable[[PlayedEpisodes], None] | None = None,
    recorded: Sequence[str] | None = None,
    uniform: bool = False,
) -> Played:
    """Play episodes to their end with the online networks, batch by batch.

    epsilon: each agent's probability of a random available action (0: greedy). observer: sees every time step.
    keep: called with each finished batch, without the episodes whose game broke down; these are played again before
    the next batch. recorded: the columns that are recorded (algorithms.base.COLUMNS); None: those of the algorithm.
    uniform: as for `play_batch`.
    Raises DivergenceError when an individual reward or a Q-value is not finite, WorldError when games break down
    repeatedly.
    """
    parts: list[PlayedEpisodes] = []
    broken = 0
    waiting = list(side_by_side(episodes, agents.spec.side_by_side))
    while waiting:
        batch = waiting.pop(0)
        played, again = play_batch(agents, world, batch, epsilon, observer, recorded, uniform)
        if played.lengths.size:
            parts.append(played)
            if keep is not None:
                keep(played)
        broken += len(again)
        waiting[:0] = [EpisodeBatch(batch.purpose, episode, 1, episodes.first) for episode in again]
    return Played(
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.individual_returns for part in parts], axis=1).sum(1),
        np.concatenate([part.won for part in parts]),
        broken,
        np.sum([part.played for part in parts], axis=0, dtype=np.int64),
    )


def side_by_side(episodes: EpisodeBatch, most: int | None) -> Iterator[EpisodeBatch]:
    """Split a series of episodes into batches of at most `most`.

    Each batch has the number of the series' first episode.
    """
    most = episodes.count if most is None else most
    for begin in range(0, episodes.count, most):
        count = min(most, episodes.count - begin)
        yield EpisodeBatch(episodes.purpose, episodes.first + begin, count, episodes.first)
