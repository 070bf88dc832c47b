"""The rules of matrix games, in numpy.

All agents observe the situation, one-hot, which is also the state: [1] in a game of one step; in one of two steps the
start, or the table that agent 0 has chosen. Every agent's own reward is the team's. Nothing is drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.envs.matrix.games import Game, find_game
from fedqmix.envs.matrix.options import MatrixOptions
from fedqmix.envs.own.rules import Flat, Outcome, TeamSpec
from fedqmix.runtime.core.world import Floats64, Integers, Score


class MatrixGame:
    """The rules of a game (an envs.own.rules.Rules)."""

    def __init__(self, game: Game, spec: TeamSpec) -> None:
        self.spec, self._game = spec, game
        self._steps = 0

    def begin(self, episodes: Sequence[np.random.Generator]) -> Outcome:
        """See Rules."""
        self._situations = np.zeros(len(episodes), np.int64)  # [episodes]
        self._steps = 0
        return self._outcome(np.zeros(len(episodes)), last=False)

    def step(self, actions: Integers) -> Outcome:
        """See Rules."""
        self._steps += 1
        last = self._steps >= self._game.steps
        if not last:
            self._situations = 1 + actions[0]
            return self._outcome(np.zeros(len(self._situations)), last=False)
        tables = np.maximum(self._situations - 1, 0)
        return self._outcome(self._game.tables[(tables, *actions)], last=True)

    def _outcome(self, rewards: Floats64, last: bool) -> Outcome:
        seen = np.eye(self.spec.state_dim)[self._situations]  # [episodes, situations]
        agents, episodes = self.spec.n_agents, len(self._situations)
        return Outcome(
            observations=np.broadcast_to(seen, (agents, *seen.shape)),
            state=seen,
            team_reward=rewards,
            individual_rewards=np.broadcast_to(rewards, (agents, episodes)),
            terminated=last,
        )


def spec_of(name: str, options: MatrixOptions) -> TeamSpec:
    """Return the sizes and names of a game. Raises ConfigurationError as `find_game`."""
    game = find_game(name, options)
    tables = tuple(f"chosen_table_{number}" for number in range(len(game.tables)))
    situations = ("start", *tables) if game.steps > 1 else ("start",)
    return TeamSpec(
        map=name,
        n_agents=game.n_agents,
        n_actions=game.n_actions,
        observation=Flat(len(situations), situations),
        state=Flat(len(situations), situations),
        episode_limit=game.steps,
        score=Score.RETURN,
    )
