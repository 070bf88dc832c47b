"""The transitions from which a stack of agents learns its identities: random play, kept in the agents' process."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fedqmix.algorithms.base import INDIVIDUAL_REWARD
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import PlayedEpisodes
from fedqmix.clients.playing import play
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Floats64, Integers, Purpose, World


class Transitions(NamedTuple):
    """What each agent of a stack saw, did and earned: one row for each environment step of each episode."""

    observations: Floats  # [agents, rows, obs_dim]
    actions: Integers  # [agents, rows]
    rewards: Floats  # [agents, rows], individual rewards
    next_observations: Floats  # [agents, rows, obs_dim]


AT_ONCE = 32
"""Episodes in a batch: a batch holds whole episodes of all agents, which in long episodes take much memory."""


class Results(NamedTuple):
    """The results of the episodes."""

    individual_returns: Floats64  # [agents], individual rewards summed over episodes and environment steps
    broken: int  # game breakdowns; each such episode was played again


def play_randomly(agents: AgentStack, world: World, first: int, episodes: int) -> tuple[Transitions, Results]:
    """Play episodes of random actions; return their transitions and results.

    first: number of the first episode of Purpose.IDENTITY. The draws are keyed by agent and episode, so that the
    transitions are the same in any stack. Raises as `play` does.
    """
    parts: list[Transitions] = []
    individual_returns, broken = np.zeros(len(agents.agent_ids)), 0
    for begin in range(first, first + episodes, AT_ONCE):
        played = play(
            agents,
            world,
            EpisodeBatch(Purpose.IDENTITY, begin, min(AT_ONCE, first + episodes - begin)),
            epsilon=1.0,
            keep=lambda batch: parts.append(transitions_of(batch)),
            recorded=(INDIVIDUAL_REWARD,),
            uniform=True,
        )
        individual_returns += played.individual_returns
        broken += played.broken
    columns = (np.concatenate(column, axis=1) for column in zip(*parts, strict=True))
    return Transitions(*columns), Results(individual_returns, broken)


def transitions_of(played: PlayedEpisodes) -> Transitions:
    """Return the transitions of a batch of episodes, without the moments after an episode's end."""
    steps = played.observations.shape[1] - 1
    lived = np.arange(steps)[:, None] < played.lengths  # [time, episodes]
    rewards = played.recorded[INDIVIDUAL_REWARD][:, :steps][:, lived].astype(np.float32)
    return Transitions(
        played.observations[:, :steps][:, lived],
        played.actions[:, :steps][:, lived],
        rewards,
        played.observations[:, 1:][:, lived],
    )
