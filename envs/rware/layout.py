"""The layout of observations and states: their sizes, and the name of each number.

An observation is [x, y, carrying, direction (4), on a highway], then for each cell of the square around the agent, row
by row, [agent, its direction (4), shelf, requested]: 8 + 7 cells numbers, 71 for 3 x 3 cells. With C colours a cell is
[agent, colour of the shelf (C), requested], 8 + (2 + C) cells numbers, and each colour's agents observe them in an
order of their own.

The state is [x, y, carrying, direction (4)] of each agent, with env.reward=two_stage whether its shelf has been
delivered; [x, y] of each requested shelf, with its colour (C) where there are colours; and for each agent
[1, x, y] of one home that holds no shelf, row by row, or zeros: at most one for each shelf that is carried. Coordinates
are shares of the grid. But for the colours of shelves that are not requested, it determines with the actions the rest
of the episode. With obs_instead_of_state it is all observations (EPyMARL's rule).
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.rware.options import TWO_STAGE, RwareOptions
from fedqmix.envs.rware.tasks import Task, find_task
from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import Integers, Score, TeamSpec

N_ACTIONS = 5
DIRECTIONS = ("up", "down", "left", "right")
OWN = ("x", "y", "carrying", *DIRECTIONS, "on_highway")
AGENT = OWN[:-1]
"""The numbers of an agent in the state."""


def spec_of(name: str, options: RwareOptions) -> TeamSpec:
    """Return the sizes and names of a task's observations and states. Raises ConfigurationError as `find_task`."""
    task = find_task(name, options)
    seen = observed(task, options)
    if task.colours:  # the entries mean something else for every colour
        seen = tuple(f"permuted_{number}" for number in range(len(seen)))
    if options.obs_instead_of_state:
        state = tuple(f"agent_{agent}_{entry}" for agent in range(task.agents) for entry in seen)
    else:
        state = _state(task, options)
    return TeamSpec(
        map=name,
        n_agents=task.agents,
        n_actions=N_ACTIONS,
        observation=Flat(len(seen), seen),
        state=Flat(len(state), state),
        episode_limit=options.episode_limit,
        score=Score.RETURN,
    )


def observed(task: Task, options: RwareOptions) -> tuple[str, ...]:
    """Return the names of an observation's numbers, before a colour permutes them."""
    colours = tuple(f"colour_{colour}" for colour in range(task.colours))
    cell = ("agent", *colours, "requested") if task.colours else ("agent", *DIRECTIONS, "shelf", "requested")
    square = range(2 * options.sensor_range + 1)
    return (*OWN, *(f"seen_{row}_{column}_{entry}" for row in square for column in square for entry in cell))


def _state(task: Task, options: RwareOptions) -> tuple[str, ...]:
    agents = range(task.agents)
    own = (*AGENT, "delivered") if options.reward == TWO_STAGE else AGENT
    requested = ("x", "y", *(f"colour_{colour}" for colour in range(task.colours)))
    return (
        *(f"agent_{agent}_{entry}" for agent in agents for entry in own),
        *(f"request_{number}_{entry}" for number in range(task.requests) for entry in requested),
        *(f"empty_{number}{entry}" for number in agents for entry in ("", "_x", "_y")),
    )


def observation_orders(task: Task, options: RwareOptions, seed: int) -> Integers:
    """Return which plain entry stands at each index of a colour's observations: [colours, obs_dim].

    A colour's order depends on the seed and the colour alone, so it is the same in all episodes of a run. Without
    colours there is one order, the plain one.
    """
    entries = len(observed(task, options))
    if not task.colours:
        return np.arange(entries)[None]
    return np.stack([generator(seed, "rware colour", colour).permutation(entries) for colour in range(task.colours)])
