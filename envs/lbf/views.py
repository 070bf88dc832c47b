"""What agents and the team see of an episode, compiled: observations, masks and the state (layout.py)."""

from __future__ import annotations

from fedqmix.envs.lbf.arrays import COLUMN, LEVEL, ROW, Grids, Rules, Views
from fedqmix.envs.lbf.cells import LOAD, is_beside_food, may_move
from fedqmix.envs.lbf.compile import inner
from fedqmix.runtime.core.world import Floats
from fedqmix.runtime.kernels.episodes import NOTHING


@inner
def write_observations(rules: Rules, grids: Grids, views: Views, e: int) -> None:
    """Write the observations of episode e."""
    for agent in range(views.observations.shape[0]):
        observation = views.observations[agent, e]
        row, column = grids.players[e, agent, ROW], grids.players[e, agent, COLUMN]
        # Places are counted from the window's corner, which is nearer than the sight where the grid ends.
        row -= min(rules.sight, row)
        column -= min(rules.sight, column)
        write_seen_foods(rules, grids, observation, e, agent, row, column)
        write_seen_players(rules, grids, observation, e, agent, row, column)


@inner
def write_seen_foods(rules: Rules, grids: Grids, observation: Floats, e: int, agent: int, top: int, left: int) -> None:
    """Write the foods in an agent's window, in the order of rows and then columns. top, left: the window's corner."""
    foods, entry = grids.foods[e], 0
    row, column = grids.players[e, agent, ROW], grids.players[e, agent, COLUMN]
    for food in range(foods.shape[0]):
        seen = abs(foods[food, ROW] - row) <= rules.sight and abs(foods[food, COLUMN] - column) <= rules.sight
        if seen and foods[food, LEVEL] > 0:
            observation[entry] = foods[food, ROW] - top
            observation[entry + 1] = foods[food, COLUMN] - left
            observation[entry + 2] = foods[food, LEVEL]
            entry += 3
    while entry < 3 * foods.shape[0]:
        observation[entry] = observation[entry + 1] = -1.0
        observation[entry + 2] = 0.0
        entry += 3


@inner
def write_seen_players(
    rules: Rules, grids: Grids, observation: Floats, e: int, agent: int, top: int, left: int
) -> None:
    """Write an agent itself and then the other players that it sees, by number.

    A player is seen up to twice the sight below and right of the window's corner. Near the grid's upper and left border
    that is more than the window, in which foods are seen (as in the package).
    """
    players = grids.players[e]
    size = 3 if rules.observe_agent_levels else 2
    entry = 3 * grids.foods.shape[1]
    write_player(rules, grids, observation, e, agent, entry, top, left)
    entry += size
    for other in range(players.shape[0]):
        row, column = players[other, ROW] - top, players[other, COLUMN] - left
        seen = row >= 0 and column >= 0 and row <= 2 * rules.sight and column <= 2 * rules.sight
        if seen and other != agent:
            write_player(rules, grids, observation, e, other, entry, top, left)
            entry += size
    while entry < observation.shape[0]:
        observation[entry] = observation[entry + 1] = -1.0
        if rules.observe_agent_levels:
            observation[entry + 2] = 0.0
        entry += size


@inner
def write_player(
    rules: Rules, grids: Grids, observation: Floats, e: int, player: int, entry: int, top: int, left: int
) -> None:
    """Write a player that an agent sees."""
    observation[entry] = grids.players[e, player, ROW] - top
    observation[entry + 1] = grids.players[e, player, COLUMN] - left
    if rules.observe_agent_levels:
        observation[entry + 2] = 0 if rules.hide_agent_levels else grids.players[e, player, LEVEL]


@inner
def write_state(rules: Rules, grids: Grids, views: Views, e: int) -> None:
    """Write the state of episode e, after its observations."""
    state, entry = views.state[e], 0
    if rules.obs_instead_of_state:
        for agent in range(views.observations.shape[0]):
            for number in range(views.observations.shape[2]):
                state[entry] = views.observations[agent, e, number]
                entry += 1
        return
    for food in range(grids.foods.shape[1]):
        for number in range(3):
            state[entry] = grids.foods[e, food, number]
            entry += 1
    for player in range(grids.players.shape[1]):
        for number in range(3):
            state[entry] = grids.players[e, player, number]
            entry += 1


@inner
def write_masks(rules: Rules, grids: Grids, views: Views, e: int) -> None:
    """Write the available actions of episode e: all of them, or with `mask` those that the grid allows."""
    foods, available = grids.foods[e], views.available
    for agent in range(available.shape[0]):
        row, column = grids.players[e, agent, ROW], grids.players[e, agent, COLUMN]
        for action in range(available.shape[2]):
            available[agent, e, action] = not rules.mask or may_move(rules.side, foods, row, column, action)
        if rules.mask:
            available[agent, e, NOTHING] = True
            available[agent, e, LOAD] = is_beside_food(foods, row, column)


@inner
def close_masks(views: Views, e: int) -> None:
    """Leave the agents of episode e, which is over, action 0 alone."""
    available = views.available
    for agent in range(available.shape[0]):
        available[agent, e, NOTHING] = True
        for action in range(NOTHING + 1, available.shape[2]):
            available[agent, e, action] = False


@inner
def clear_rewards(views: Views, e: int) -> None:
    """Write rewards of 0 for episode e."""
    views.team_reward[e] = 0.0
    for agent in range(views.individual_rewards.shape[0]):
        views.individual_rewards[agent, e] = 0.0
