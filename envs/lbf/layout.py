"""The layout of observations and states: sizes and names.

An observation is [row, column, level] of each visible food, in the order of rows and then columns, then the same of the
player itself and of each other visible player, by number. Rows and columns are counted from the corner of the player's
window. Slots without a visible food or player are (-1, -1, 0). Without the players' levels a player has two numbers.
The state is [row, column, level] of each food and then of each player, by number, counted from the grid's corner; a
food that is eaten is (-1, -1, 0). But for the number of environment steps it determines the rest of the episode.
With obs_instead_of_state it is all observations (EPyMARL's rule).
"""

from __future__ import annotations

from fedqmix.envs.lbf.options import LbfOptions
from fedqmix.envs.lbf.tasks import find_task
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import Score, TeamSpec

N_ACTIONS = 6
PLACE = ("row", "column")


def spec_of(name: str, options: LbfOptions) -> TeamSpec:
    """Return the sizes and names of a task's observations and states. Raises ConfigurationError as `find_task`."""
    task = find_task(name, options)
    players = range(task.players)
    foods = [f"food_{food}_{entry}" for food in range(task.foods) for entry in (*PLACE, "level")]
    own = (*PLACE, "level") if options.observe_agent_levels else PLACE
    seen = [*foods, *(f"own_{entry}" for entry in own)]
    seen += [f"other_{other}_{entry}" for other in range(task.players - 1) for entry in own]
    if options.obs_instead_of_state:
        state = [f"agent_{player}_{entry}" for player in players for entry in seen]
    else:
        state = [*foods, *(f"player_{player}_{entry}" for player in players for entry in (*PLACE, "level"))]
    return TeamSpec(
        map=name,
        n_agents=task.players,
        n_actions=N_ACTIONS,
        observation=Flat(len(seen), tuple(seen)),
        state=Flat(len(state), tuple(state)),
        episode_limit=options.episode_limit,
        score=Score.RETURN,
    )
