"""The rules of level-based foraging, compiled: moves, loading, rewards, ends, observations, masks and the state.

The rules are those of the package lbforaging (Papoudakis et al. 2021, arXiv 2006.07869), where tests replay episodes.
Rewards are computed in float64 and rounded to float32 once, when they are written.
"""

from __future__ import annotations

from fedqmix.envs.lbf.arrays import COLUMN, LEVEL, ROW, Grids, Rules, Views
from fedqmix.envs.lbf.cells import LOAD, column_change, is_beside, is_beside_food, may_move, row_change
from fedqmix.envs.lbf.compile import inner, kernel
from fedqmix.envs.lbf.starts import draw_start
from fedqmix.envs.lbf.views import clear_rewards, close_masks, write_masks, write_observations, write_state
from fedqmix.runtime.core.world import Floats64, Integers
from fedqmix.runtime.kernels.episodes import STEPPING
from fedqmix.runtime.kernels.spinning import MESSAGE, WorkQueue, claim, take_part


@kernel
def play(rules: Rules, grids: Grids, actions: Integers, views: Views, queue: WorkQueue, seat: int) -> None:
    """Begin the work queue's episodes, or advance them by one environment step.

    actions: [agents, episodes], 0 <= action < 6; not read when the episodes begin.
    queue, seat: as in runtime.kernels.spinning.
    """
    while take_part(queue, seat):
        first, last = claim(queue, seat)
        while first < last:
            for e in range(first, last):
                if queue[MESSAGE] != STEPPING:
                    begin(rules, grids, views, e)
                elif views.terminated[e] or views.truncated[e]:
                    clear_rewards(views, e)
                    close_masks(views, e)
                else:
                    advance_episode(rules, grids, actions, views, e)
            first, last = claim(queue, seat)


@inner
def begin(rules: Rules, grids: Grids, views: Views, e: int) -> None:
    """Begin episode e."""
    draw_start(rules, grids, e)
    views.terminated[e] = views.truncated[e] = views.won[e] = False
    clear_rewards(views, e)
    write_observations(rules, grids, views, e)
    write_state(rules, grids, views, e)
    write_masks(rules, grids, views, e)


@inner
def advance_episode(rules: Rules, grids: Grids, actions: Integers, views: Views, e: int) -> None:
    """Advance episode e, which is not over, by one environment step.

    It terminates, and is won, when no food is left; otherwise it is truncated at the episode limit.
    """
    wish(rules, grids, actions, e)
    move(grids, e)
    load(rules.penalty, grids, e)
    pay(grids, views, e)
    grids.steps[e] += 1
    views.terminated[e] = views.won[e] = not any_food(grids.foods[e])
    views.truncated[e] = not views.terminated[e] and grids.steps[e] >= rules.episode_limit
    write_observations(rules, grids, views, e)
    write_state(rules, grids, views, e)
    if views.terminated[e]:
        close_masks(views, e)
    elif rules.mask:
        write_masks(rules, grids, views, e)


@inner
def wish(rules: Rules, grids: Grids, actions: Integers, e: int) -> None:
    """Write which cell each player of episode e wants, and whether it loads.

    A move across the border or onto a food, and a load without a food beside the player, become action 0.
    """
    players, foods = grids.players[e], grids.foods[e]
    for player in range(players.shape[0]):
        action = actions[player, e]
        row, column = players[player, ROW], players[player, COLUMN]
        grids.loads[e, player] = action == LOAD and is_beside_food(foods, row, column)
        if may_move(rules.side, foods, row, column, action):
            row += row_change(action)
            column += column_change(action)
        grids.wanted[e, player, ROW], grids.wanted[e, player, COLUMN] = row, column


@inner
def move(grids: Grids, e: int) -> None:
    """Move each player of episode e that wants a cell which no other player wants.

    All move at once. So two neighbours may change places, and a player may enter a cell whose player wants to leave it
    even where that player then stays, because another wants the same cell: then both are in one cell, as in the
    package.
    """
    players, wanted = grids.players[e], grids.wanted[e]
    for player in range(players.shape[0]):
        if is_wanted_once(wanted, player):
            players[player, ROW], players[player, COLUMN] = wanted[player, ROW], wanted[player, COLUMN]


@inner
def load(penalty: float, grids: Grids, e: int) -> None:
    """Let the players of episode e that load eat the foods beside them, and compute all players' rewards.

    A food is eaten when the summed levels of the players that load it reach its level. A player then earns its share
    of the levels times the food's share of the levels of all foods at the start, so that an episode's sum over the
    team is at most 1. Otherwise each of them loses the penalty. No start has two foods beside one cell.
    """
    players, foods, earned = grids.players[e], grids.foods[e], grids.earned[e]
    for player in range(players.shape[0]):
        earned[player] = 0.0
    for food in range(foods.shape[0]):
        level, together = foods[food, LEVEL], 0
        if level == 0:
            continue
        for player in range(players.shape[0]):
            if loads_food(grids, e, player, food):
                together += players[player, LEVEL]
        if together == 0:
            continue
        for player in range(players.shape[0]):
            if loads_food(grids, e, player, food):
                earned[player] = share(players[player, LEVEL], level, together, grids.spawned[e], penalty)
        if together >= level:
            foods[food, ROW], foods[food, COLUMN], foods[food, LEVEL] = -1, -1, 0


@inner
def share(own: int, level: int, together: int, spawned: int, penalty: float) -> float:
    """Return what loading a food earns a player of level `own`; the loading players' levels add up to `together`."""
    if together < level:
        return -penalty
    return float(own * level) / float(together * spawned)


@inner
def pay(grids: Grids, views: Views, e: int) -> None:
    """Write the rewards of episode e; the team's is the sum of the players', in their order."""
    earned: Floats64 = grids.earned[e]
    team = 0.0
    for player in range(earned.shape[0]):
        team += earned[player]
        views.individual_rewards[player, e] = earned[player]
    views.team_reward[e] = team


@inner
def loads_food(grids: Grids, e: int, player: int, food: int) -> bool:
    """Return whether a player of episode e loads and is beside a food."""
    players, foods = grids.players[e], grids.foods[e]
    return grids.loads[e, player] and is_beside(
        players[player, ROW], players[player, COLUMN], foods[food, ROW], foods[food, COLUMN]
    )


@inner
def is_wanted_once(wanted: Integers, player: int) -> bool:
    """Return whether no other player wants the cell that a player wants."""
    for other in range(wanted.shape[0]):
        same = wanted[other, ROW] == wanted[player, ROW] and wanted[other, COLUMN] == wanted[player, COLUMN]
        if same and other != player:
            return False
    return True


@inner
def any_food(foods: Integers) -> bool:
    """Return whether a food is left."""
    levels = 0
    for food in range(foods.shape[0]):
        levels += foods[food, LEVEL]
    return levels > 0
