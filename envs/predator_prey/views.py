"""What agents and the team see of an episode, compiled: observations, masks, rewards and the state (layout.py)."""

from __future__ import annotations

from fedqmix.envs.predator_prey.arrays import AGENT, CATCH, COLUMN, PREY, RIGHT, ROW, STAY, UP, Grids, Rules, Views
from fedqmix.envs.predator_prey.cells import column_change, holds, is_beside_prey, is_inside, row_change
from fedqmix.envs.predator_prey.compile import inner


@inner
def write_observations(rules: Rules, grids: Grids, views: Views, e: int) -> None:
    """Write the observations of episode e."""
    cells = grids.cells[e]
    for agent in range(views.observations.shape[0]):
        observation, entry = views.observations[agent, e], 0
        for down in range(-rules.sight, rules.sight + 1):
            for right in range(-rules.sight, rules.sight + 1):
                row, column = grids.agents[e, agent, ROW] + down, grids.agents[e, agent, COLUMN] + right
                for what in range(AGENT, PREY + 1):
                    seen = grids.hunting[e, agent] and holds(cells, row, column, what)
                    observation[entry] = 1.0 if seen else 0.0
                    entry += 1


@inner
def write_state(grids: Grids, views: Views, e: int) -> None:
    """Write the state of episode e."""
    cells, entry = grids.cells[e], 0
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            for what in range(AGENT, PREY + 1):
                views.state[e, entry] = 1.0 if cells[row, column] == what else 0.0
                entry += 1


@inner
def write_masks(grids: Grids, views: Views, e: int) -> None:
    """Write the available actions of episode e.

    A hunting agent may stay, move within the grid, and catch beside a prey; one that has caught a prey may only stay.
    """
    cells = grids.cells[e]
    for agent in range(views.available.shape[0]):
        available, hunting = views.available[agent, e], grids.hunting[e, agent]
        row, column = grids.agents[e, agent, ROW], grids.agents[e, agent, COLUMN]
        available[STAY] = True
        for move in range(RIGHT, UP + 1):
            inside = is_inside(cells, row + row_change(move), column + column_change(move))
            available[move] = hunting and inside
        available[CATCH] = hunting and is_beside_prey(cells, row, column)


@inner
def close_masks(views: Views, e: int) -> None:
    """Leave the agents of episode e, which is over, action 0 alone."""
    for agent in range(views.available.shape[0]):
        views.available[agent, e, STAY] = True
        for action in range(STAY + 1, views.available.shape[2]):
            views.available[agent, e, action] = False


@inner
def write_rewards(views: Views, e: int, reward: float) -> None:
    """Write the team reward of episode e, which is every agent's own too."""
    views.team_reward[e] = reward
    for agent in range(views.individual_rewards.shape[0]):
        views.individual_rewards[agent, e] = reward
