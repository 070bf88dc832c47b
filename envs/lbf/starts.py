"""The starts of episodes, compiled: where players and foods are, and their levels.

Each draw has a stream of its own: a player's place, its level, and all foods, whose places are drawn until they fit.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.lbf.arrays import COLUMN, LEVEL, ROW, Grids, Rules
from fedqmix.envs.lbf.compile import inner
from fedqmix.runtime.core.world import Integers
from fedqmix.runtime.kernels.splitmix import advance, begin_stream, fraction

ATTEMPTS = 1000  # draws of food places in an episode; foods that have found none by then are left out
NOBODY = 1 << 30  # a level above those of all players
TOO_NEAR = 4  # squared distance: the cells around a food and those two cells away along an axis hold no other food


@inner
def draw_start(rules: Rules, grids: Grids, e: int) -> None:
    """Draw where the players and foods of episode e are, and their levels."""
    players = grids.players[e]
    for player in range(players.shape[0]):
        place_player(rules, grids.keys[e], players, player)
        players[player, LEVEL] = draw_player_level(rules, grids.keys[e], players.shape[0], player)
    place_foods(rules, grids, e)
    grids.steps[e] = 0
    grids.spawned[e] = 0
    for food in range(grids.foods.shape[1]):
        grids.spawned[e] += grids.foods[e, food, LEVEL]


@inner
def draw_below(state: np.uint64, count: int) -> int:
    """Return a whole number from 0 to count - 1."""
    return int(fraction(state) * count)


@inner
def place_player(rules: Rules, key: np.uint64, players: Integers, player: int) -> None:
    """Place a player uniformly on the cells that hold no player of a lower number."""
    state = begin_stream(key, player)
    placed = False
    while not placed:
        state = advance(state)
        row = draw_below(state, rules.side)
        state = advance(state)
        column = draw_below(state, rules.side)
        players[player, ROW], players[player, COLUMN] = row, column
        placed = not holds(players, player, row, column)


@inner
def holds(players: Integers, count: int, row: int, column: int) -> bool:
    """Return whether one of the first `count` players is in a cell."""
    found = False
    for player in range(count):
        found = found or (players[player, ROW] == row and players[player, COLUMN] == column)
    return found


@inner
def draw_player_level(rules: Rules, key: np.uint64, n_players: int, player: int) -> int:
    """Return a player's level: the task's, or one drawn from 1 to the highest."""
    fixed: int = rules.levels[player]
    if fixed > 0:
        return fixed
    return 1 + draw_below(advance(begin_stream(key, n_players + player)), rules.max_player_level)


@inner
def place_foods(rules: Rules, grids: Grids, e: int) -> None:
    """Place the foods of episode e in the order of rows and then columns, with their levels.

    Places are drawn uniformly from the cells that are not on the border, until a player is not in the cell and no
    other food is near.
    """
    players, foods = grids.players[e], grids.foods[e]
    bound = summed_lowest(players)
    state = begin_stream(grids.keys[e], 2 * players.shape[0])
    placed = attempts = 0
    while placed < foods.shape[0] and attempts < ATTEMPTS:
        attempts += 1
        state = advance(state)
        row = 1 + draw_below(state, rules.side - 2)
        state = advance(state)
        column = 1 + draw_below(state, rules.side - 2)
        if is_near(foods, placed, row, column) or holds(players, players.shape[0], row, column):
            continue
        state = advance(state)
        insert(foods, placed, row, column, food_level(rules, state, bound))
        placed += 1
    for food in range(placed, foods.shape[0]):
        foods[food, ROW], foods[food, COLUMN], foods[food, LEVEL] = -1, -1, 0


@inner
def food_level(rules: Rules, state: np.uint64, bound: int) -> int:
    """Return the level of a food, at most the bound.

    Where all must cooperate it is the bound; otherwise uniform from 1 to the bound, which version 2 leaves out.
    """
    if rules.coop or bound == 1:
        return bound
    return 1 + draw_below(state, bound if rules.hardest else bound - 1)


@inner
def summed_lowest(players: Integers) -> int:
    """Return the sum of the three lowest levels of players, of all where there are fewer."""
    lowest = middle = highest = NOBODY
    for player in range(players.shape[0]):
        level = players[player, LEVEL]
        if level < lowest:
            lowest, middle, highest = level, lowest, middle
        elif level < middle:
            middle, highest = level, middle
        elif level < highest:
            highest = level
    total = lowest
    if middle < NOBODY:
        total += middle
    if highest < NOBODY:
        total += highest
    return total


@inner
def is_near(foods: Integers, count: int, row: int, column: int) -> bool:
    """Return whether a cell is too near to one of the first `count` foods."""
    for food in range(count):
        down, right = foods[food, ROW] - row, foods[food, COLUMN] - column
        if down * down + right * right <= TOO_NEAR:
            return True
    return False


@inner
def insert(foods: Integers, count: int, row: int, column: int, level: int) -> None:
    """Insert a food among the first `count`, in the order of rows and then columns."""
    place = count
    while place > 0 and (
        foods[place - 1, ROW] > row or (foods[place - 1, ROW] == row and foods[place - 1, COLUMN] > column)
    ):
        for entry in range(3):
            foods[place, entry] = foods[place - 1, entry]
        place -= 1
    foods[place, ROW], foods[place, COLUMN], foods[place, LEVEL] = row, column, level
