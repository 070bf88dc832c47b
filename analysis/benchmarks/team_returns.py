"""Returns of hand-written teams, in worlds that this process plays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from fedqmix.analysis.benchmarks.fidelity import EpisodeScores
from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.factory import make_world
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Floats64, Integers, Purpose, TeamTimeStep

BATCH = 250  # parallel episodes; does not change the figures

Progress = Callable[[str, str, int], None]
"""Callback with the task, the policy, and the number of episodes that ended since the last call."""


class Team(Protocol):
    """A team whose actions in an episode depend on its seed and the episode alone."""

    def begin(self, batch: EpisodeBatch) -> None:
        """Begin a batch of episodes."""

    def choose(self, seen: Floats, /) -> Integers:
        """Choose the actions, [agents, episodes].

        seen: the observations, [agents, episodes, obs_dim], or the state, [episodes, state_dim].
        """


class StateAndScores(EpisodeScores):
    """A step observer that also holds the last state: [episodes, state_dim]."""

    state: Floats

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Begin a batch of episodes."""
        super().begin(battles, time_step)
        self.state = time_step.state

    def record(self, time_step: TeamTimeStep) -> None:
        """Record a time step."""
        super().record(time_step)
        self.state = time_step.state


class Played(NamedTuple):
    """The episodes of a team."""

    returns: Floats64  # [episodes], of the team
    lengths: Integers  # [episodes], environment steps


def play_episodes(
    team: Team, task: str, env: EnvConfig, episodes: int, seed: int, threads: int = 1, of_state: bool = False
) -> Played:
    """Play the episodes 0, 1, ... of a task.

    threads: of the world; they do not change the episodes. of_state: whether the team reads the state, not the
    observations.
    """
    scores = StateAndScores()
    world = make_world(task, seed, env, scores, threads)
    returns, lengths = [], []
    try:
        for first in range(0, episodes, BATCH):
            batch = EpisodeBatch(Purpose.VARIED_EVALUATION, first, min(BATCH, episodes - first))
            time_step = world.begin(batch)
            team.begin(batch)
            while not (over := time_step.terminated | time_step.truncated).all():
                seen = scores.state if of_state else time_step.observations
                time_step = world.step(np.where(over, 0, team.choose(seen)))
            returns.append(scores.returns)
            lengths.append(scores.lengths)
    finally:
        world.close()
    return Played(np.concatenate(returns), np.concatenate(lengths))


def figures_of(returns: Floats64, digits: int) -> dict[str, Any]:
    """Return the mean of team returns and its standard error, rounded."""
    spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    return {
        "return_mean": round(float(returns.mean()), digits),
        "return_standard_error": round(spread / len(returns) ** 0.5, digits),
    }
