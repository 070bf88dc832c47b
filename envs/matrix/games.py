"""The matrix games by name, and the one of a user's own payoffs.

qtran      only one joint action pays, amid losses; no monotonic mixer represents it (Son et al. 2019, arXiv 1905.05408,
           section 3; oxwhirl/wqmix has it as `matrix_game`)
pymarl2    not monotonic either, with small losses (hijkzzz/pymarl2, `one_step_matrix_game`)
monotonic  monotonic and not additive: table B of two_step, as a game of its own
two_step   agent 0's first action chooses the table of the second step: A pays 7 for everything, B is `monotonic`
           (Rashid et al. 2018, arXiv 1803.11485, section 5)
own        the payoffs of env.payoffs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from fedqmix.envs.matrix.options import MatrixOptions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import Floats64

MOST = 4096
"""The most joint actions of a user's own table."""
LARGEST = float(np.finfo(np.float32).max)
"""The largest payoff, as rewards are float32."""
OWN = "own"


class Game(NamedTuple):
    """The payoff tables of a game. With several, agent 0's first action chooses the one of the second step."""

    tables: Floats64  # [tables, n_actions, ..., n_actions], an axis for each agent: the team reward

    @property
    def n_agents(self) -> int:
        """The number of agents."""
        return self.tables.ndim - 1

    @property
    def n_actions(self) -> int:
        """The number of each agent's actions."""
        return int(self.tables.shape[1])

    @property
    def steps(self) -> int:
        """The environment steps of every episode."""
        return 1 if len(self.tables) == 1 else 2


MONOTONIC = [[0, 1], [1, 8]]
GAMES: Mapping[str, Game] = {
    name: Game(np.array(tables, np.float64))
    for name, tables in {
        "qtran": [[[8, -12, -12], [-12, 0, 0], [-12, 0, 0]]],
        "pymarl2": [[[12, -0.1, -0.1], [-0.1, 0, 0], [-0.1, 0, 0]]],
        "monotonic": [MONOTONIC],
        "two_step": [[[7, 7], [7, 7]], MONOTONIC],
    }.items()
}


def find_game(name: str, options: MatrixOptions) -> Game:
    """Return the game of a name. Raises ConfigurationError for an unknown name, and for payoffs that are not valid."""
    if name == OWN:
        return _own_game(options)
    if name not in GAMES:
        raise ConfigurationError(f"map={name} is not a task of env=matrix: {', '.join((*GAMES, OWN))}.")
    if options.payoffs is not None:
        raise ConfigurationError(
            f"env.payoffs is for map={OWN}; map={name} has payoffs of its own. Leave one of them out."
        )
    return GAMES[name]


def _own_game(options: MatrixOptions) -> Game:
    """Return the game of a user's payoffs. Raises ConfigurationError unless they are a full table of finite numbers."""
    needed = (
        "lists of finite numbers (of float32), nested as deep as there are agents (at least two), each list as long as "
        f"there are actions (at least two), with at most {MOST} joint actions; such as [[8,-12],[-12,0]]"
    )
    given = "null" if options.payoffs is None else options.payoffs
    wrong = ConfigurationError(f"env.payoffs={given} is not a table of payoffs; needed: {needed}.")
    try:
        table = np.array(options.payoffs, object)  # of the numbers as they are written, and of lists where these differ
    except ValueError as error:  # too deep, or lists of different lengths
        raise wrong from error
    numbers = all(type(payoff) in (int, float) and abs(payoff) <= LARGEST for payoff in table.flat)
    if not numbers or table.ndim < 2 or table.shape[0] < 2 or len(set(table.shape)) > 1 or table.size > MOST:
        raise wrong
    return Game(table[None].astype(np.float64))
