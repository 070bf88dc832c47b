"""The layout of observations and states: sizes and names.

An observation is the window around the agent, row by row, with two numbers for each cell: 1 where an agent is, 1 where
a prey is. The agent itself is in the middle. Cells beyond the grid are zeros, and so is all that an agent observes
after it has caught a prey. The state is the whole grid in the same form. (The published code has a third number, for
hares, which its experiment has none of.)
"""

from __future__ import annotations

from fedqmix.envs.predator_prey.options import PredatorPreyOptions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import Score, TeamSpec

TASK = "stag_hunt"
"""The only task, by the published environment's name."""
N_ACTIONS = 6
SHOWN = ("agent", "prey")


def spec_of(name: str, options: PredatorPreyOptions) -> TeamSpec:
    """Return the sizes and names of observations and states.

    Raises ConfigurationError for another task, and for agents and prey that the grid cannot hold, and for fewer agents
    than a catch needs.
    """
    if name != TASK:
        raise ConfigurationError(f"map={name} is not a task of env=predator_prey: {TASK}.")
    if options.agents + options.prey > options.side**2:
        raise ConfigurationError(
            f"env.agents={options.agents} and env.prey={options.prey} do not fit into the {options.side**2} cells of "
            f"env.side={options.side}."
        )
    if options.catchers > options.agents:
        raise ConfigurationError(
            f"env.catchers={options.catchers} with env.agents={options.agents}: no prey could be caught. Write "
            f"env.catchers={options.agents}, or more env.agents."
        )
    window = [f"{down:+}_{right:+}" for down in _around(options.sight) for right in _around(options.sight)]
    grid = [f"{row}_{column}" for row in range(options.side) for column in range(options.side)]
    observation = tuple(f"{what}_{cell}" for cell in window for what in SHOWN)
    state = tuple(f"{what}_{cell}" for cell in grid for what in SHOWN)
    return TeamSpec(
        map=name,
        n_agents=options.agents,
        n_actions=N_ACTIONS,
        observation=Flat(len(observation), observation),
        state=Flat(len(state), state),
        episode_limit=options.episode_limit,
        score=Score.RETURN,
    )


def _around(sight: int) -> range:
    return range(-sight, sight + 1)
