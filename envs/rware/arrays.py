"""A task and a batch of episodes as the compiled code reads them.

Cells are numbered row by row in the grid with a margin of `sensor_range` cells around it, so that the square around an
agent never leaves the arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.rware.layout import observation_orders
from fedqmix.envs.rware.options import REWARDS, TWO_STAGE, RwareOptions
from fedqmix.envs.rware.tasks import Task
from fedqmix.runtime.core.world import Bools, Floats, Integers

UP, DOWN, LEFT, RIGHT = range(4)
"""The directions."""
NONE = -1
"""No agent, or no shelf."""

Cells = NDArray[np.int16]


class Rules(NamedTuple):
    """A task."""

    x: Integers  # [cells], column in the grid
    y: Integers  # [cells]
    inside: Bools  # [cells], False in the margin
    highways: Bools  # [cells]
    floor: Integers  # [cells inside], their numbers, row by row
    homes: Integers  # [shelves], the cell of each shelf at the start
    goals: Integers  # [goals], their cells
    ahead: Integers  # [4], the change of an agent's cell when it moves in a direction
    groups: Integers  # [agents], the colour of each agent; 0 without colours
    places: Integers  # [colours or 1, obs_dim], the index in a colour's observation of each entry of the plain one
    colours: int  # 0: none
    sensor_range: int
    reward: int  # an index of REWARDS
    scale: tuple[float, float]  # x and y are divided by it in observations
    shares: tuple[float, float]  # and by this in the state
    delivered_in_state: bool
    obs_instead_of_state: bool


class Warehouses(NamedTuple):
    """The warehouses of a batch of episodes."""

    keys: NDArray[np.uint64]  # [episodes], fix every random draw
    draws: NDArray[np.uint64]  # [episodes], the state of the stream of new requests
    cells: Integers  # [episodes, agents]
    directions: Integers  # [episodes, agents]
    carried: Integers  # [episodes, agents], a shelf or NONE
    delivered: Bools  # [episodes, agents], whether the carried shelf has been; for REWARDS' two_stage alone
    shelf_cells: Integers  # [episodes, shelves]
    shelf_colours: Integers  # [episodes, shelves], 0 without colours
    requests: Integers  # [episodes, queue], the requested shelves
    requested: Bools  # [episodes, shelves]
    agent_at: Cells  # [episodes, cells], an agent or NONE
    shelf_at: Cells  # [episodes, cells], a shelf or NONE, standing or carried
    acts: Integers  # [episodes, agents], the agents' actions, as those of colour 0
    wanted: Integers  # [episodes, agents], the cells that agents want to be in
    behind: Integers  # [episodes, agents], see moving
    moves: Bools  # [episodes, agents], whether the agent goes to the cell that it wants


class Views(NamedTuple):
    """The arrays of a TimeStep and a TeamTimeStep, into which the kernel writes."""

    observations: Floats  # [agents, episodes, obs_dim]
    state: Floats  # [episodes, state_dim]
    individual_rewards: Floats  # [agents, episodes]
    team_reward: Floats  # [episodes]


def make_rules(task: Task, options: RwareOptions, seed: int) -> Rules:
    """Return a task's rules. seed: fixes the orders of observations, where there are colours."""
    grid, margin = task.grid, options.sensor_range
    width = grid.width + 2 * margin
    y, x = (each.ravel() - margin for each in np.indices((grid.height + 2 * margin, width)))
    shares = (grid.width - 1.0, grid.height - 1.0)

    def numbered(cells: tuple[tuple[int, int], ...]) -> Integers:
        return np.array([(y + margin) * width + x + margin for x, y in cells], np.int64)

    inside = (x >= 0) & (x < grid.width) & (y >= 0) & (y < grid.height)
    return Rules(
        x=x,
        y=y,
        inside=inside,
        highways=np.pad(grid.highways, margin).ravel(),
        floor=np.flatnonzero(inside),
        homes=numbered(grid.homes),
        goals=numbered(grid.goals),
        ahead=np.array([-width, width, -1, 1], np.int64),
        groups=np.array(task.groups, np.int64),
        places=np.argsort(observation_orders(task, options, seed), axis=1),
        colours=task.colours,
        sensor_range=margin,
        reward=REWARDS.index(options.reward),
        scale=shares if options.normalised_coordinates else (1.0, 1.0),
        shares=shares,
        delivered_in_state=options.reward == TWO_STAGE,
        obs_instead_of_state=bool(options.obs_instead_of_state),
    )


def make_warehouses(task: Task, rules: Rules, keys: NDArray[np.uint64]) -> Warehouses:
    """Return arrays for the episodes of `keys`, which the kernel fills when they begin."""
    episodes, cells, shelves = len(keys), len(rules.inside), len(rules.homes)

    return Warehouses(
        keys=keys,
        draws=np.zeros(episodes, np.uint64),
        cells=np.zeros((episodes, task.agents), np.int64),
        directions=np.zeros((episodes, task.agents), np.int64),
        carried=np.zeros((episodes, task.agents), np.int64),
        delivered=np.zeros((episodes, task.agents), np.bool_),
        shelf_cells=np.zeros((episodes, shelves), np.int64),
        shelf_colours=np.zeros((episodes, shelves), np.int64),
        requests=np.zeros((episodes, task.requests), np.int64),
        requested=np.zeros((episodes, shelves), np.bool_),
        agent_at=np.full((episodes, cells), NONE, np.int16),
        shelf_at=np.full((episodes, cells), NONE, np.int16),
        acts=np.zeros((episodes, task.agents), np.int64),
        wanted=np.zeros((episodes, task.agents), np.int64),
        behind=np.zeros((episodes, task.agents), np.int64),
        moves=np.zeros((episodes, task.agents), np.bool_),
    )
