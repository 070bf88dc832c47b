"""The rules of level-based foraging: cases computed by hand, with versions 2 and fixed, which no package has."""

from __future__ import annotations

import numpy as np
import pytest

from fedqmix.envs.lbf.cells import EAST, LOAD, NORTH, SOUTH, WEST
from fedqmix.runtime.kernels.episodes import NOTHING
from support.foraging import PlacedGrid

TWO = "Foraging-8x8-2p-2f-v3"
FAR = (6, 6, 1)  # a food beside no player


def places(grid: PlacedGrid) -> list[tuple[int, int]]:
    return [(int(row), int(column)) for row, column, _ in grid.grids.players[0]]


def test_one_player_eats_what_it_can_carry() -> None:
    """Levels 2 of 3 at the start: 2 / 3 for the food of level 2, though a level of 2 alone loads it."""
    grid = PlacedGrid(TWO, [(2, 2, 2), (5, 0, 1)], [(2, 3, 2), FAR])
    views = grid.step([LOAD, NOTHING])
    np.testing.assert_array_equal(views.individual_rewards[:, 0], np.array([2 / 3, 0], np.float32))
    assert views.team_reward[0] == np.float32(2 / 3)
    assert not views.terminated[0]
    assert not views.won[0]
    assert views.observations[0, 0].tolist() == [6, 6, 1, -1, -1, 0, 2, 2, 2, 5, 0, 1]
    assert views.state[0].tolist() == [-1, -1, 0, 6, 6, 1, 2, 2, 2, 5, 0, 1]


def test_a_reward_is_shared_by_levels() -> None:
    """Levels 1 and 2 load a food of level 3; with one of level 1 elsewhere: 3 / 4, by thirds."""
    grid = PlacedGrid(TWO, [(2, 2, 1), (3, 3, 2)], [(2, 3, 3), FAR])
    views = grid.step([LOAD, LOAD])
    expected = np.array([1 * 3 / (3 * 4), 2 * 3 / (3 * 4)], np.float32)
    np.testing.assert_array_equal(views.individual_rewards[:, 0], expected)
    assert views.team_reward[0] == 0.75


@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_a_load_without_the_levels_fails(penalty: float) -> None:
    """One of the two loads, or the other is not beside the food: it stays, and who tried loses the penalty."""
    grid = PlacedGrid(TWO, [(2, 2, 1), (3, 3, 2)], [(2, 3, 3), FAR], penalty=penalty)
    views = grid.step([LOAD, NOTHING])
    np.testing.assert_array_equal(views.individual_rewards[:, 0], np.array([-penalty, 0], np.float32))
    assert grid.grids.foods[0, 0].tolist() == [2, 3, 3]
    grid.step([NOTHING, EAST])
    views = grid.step([LOAD, LOAD])  # the second is beside nothing now: its load is action 0
    np.testing.assert_array_equal(views.individual_rewards[:, 0], np.array([-penalty, 0], np.float32))
    assert grid.grids.foods[0, 0].tolist() == [2, 3, 3]


def test_the_last_food_ends_the_episode_with_a_win() -> None:
    grid = PlacedGrid("Foraging-8x8-2p-1f-v3", [(2, 2, 1), (3, 3, 2)], [(2, 3, 3)], episode_limit=1)
    views = grid.step([LOAD, LOAD])
    assert views.terminated[0]
    assert views.won[0]
    assert not views.truncated[0]  # at the limit too, the rules come first
    assert views.team_reward[0] == 1
    assert views.available[:, 0].tolist() == [[True] + 5 * [False]] * 2
    views = grid.step([NOTHING, NOTHING])
    assert not views.individual_rewards.any()
    assert not views.team_reward.any()
    assert views.terminated[0]


def test_the_limit_truncates_and_leaves_the_masks_open() -> None:
    grid = PlacedGrid(TWO, [(2, 2, 1), (3, 3, 2)], [(2, 3, 3), FAR], episode_limit=2, mask=True)
    assert not grid.step([WEST, NOTHING]).truncated[0]
    views = grid.step([WEST, SOUTH])
    assert views.truncated[0]
    assert not views.terminated[0]
    assert views.available[0, 0].tolist() == [True, True, True, False, True, False]  # at the border, beside no food
    assert places(grid) == [(2, 0), (4, 3)]
    views = grid.step([NOTHING, NOTHING])
    assert views.available[:, 0].tolist() == [[True] + 5 * [False]] * 2


MOVES = {
    "a free cell": ([(4, 4), (0, 0)], [NORTH, NOTHING], [(3, 4), (0, 0)]),
    "the border": ([(0, 0), (7, 7)], [NORTH, EAST], [(0, 0), (7, 7)]),
    "a food": ([(2, 2), (7, 7)], [EAST, NOTHING], [(2, 2), (7, 7)]),
    "a player that stays": ([(4, 4), (4, 5)], [EAST, NOTHING], [(4, 4), (4, 5)]),
    "a load beside nothing is no move": ([(4, 4), (4, 5)], [EAST, LOAD], [(4, 4), (4, 5)]),
    "neighbours change places": ([(4, 4), (4, 5)], [EAST, WEST], [(4, 5), (4, 4)]),
    "a chain": ([(4, 4), (4, 5)], [EAST, EAST], [(4, 5), (4, 6)]),
    "one cell, two players": ([(4, 4), (4, 6)], [EAST, WEST], [(4, 4), (4, 6)]),
}


@pytest.mark.parametrize("case", MOVES)
def test_moves(case: str) -> None:
    begin, actions, end = MOVES[case]
    grid = PlacedGrid(TWO, [(*place, 1) for place in begin], [(2, 3, 3), FAR])
    grid.step(actions)
    assert places(grid) == end


def test_two_players_may_get_into_one_cell() -> None:
    """The middle one and the upper one want the same cell and stay; the left one wants the middle one's cell alone."""
    grid = PlacedGrid("Foraging-8x8-3p-1f-v3", [(4, 3, 1), (4, 4, 1), (3, 5, 1)], [(6, 6, 1)])
    grid.step([EAST, EAST, SOUTH])
    assert places(grid) == [(4, 4), (4, 4), (3, 5)]
    grid.step([NORTH, NOTHING, NOTHING])
    assert places(grid) == [(3, 4), (4, 4), (3, 5)]


def test_a_window_shows_foods_near_and_players_a_little_farther() -> None:
    """Sight 2 from (1, 1): the corner is (0, 0); foods up to (3, 3) are seen, players up to (4, 4)."""
    task, foods = "Foraging-2s-8x8-4p-3f-v3", [(1, 4, 1), (3, 3, 2), (5, 5, 1)]
    grid = PlacedGrid(task, [(1, 1, 1), (4, 4, 2), (5, 1, 1), (0, 1, 1)], foods)
    first, second, *_ = grid.step(4 * [NOTHING]).observations[:, 0]
    assert first.tolist() == [3, 3, 2, *([-1, -1, 0] * 2), 1, 1, 1, 4, 4, 2, 0, 1, 1, -1, -1, 0]
    # From (4, 4) the corner is (2, 2), and no player is in the window.
    assert second.tolist() == [1, 1, 2, 3, 3, 1, -1, -1, 0, 2, 2, 2, *([-1, -1, 0] * 3)]


def test_fixed_levels_count_and_are_not_seen() -> None:
    """Players 0, 1, 2 have levels 1, 2, 3; the slots of their levels stay 0, and the state has them."""
    players = [(2, 2, 1), (3, 3, 2), (0, 0, 3)]
    grid = PlacedGrid("Foraging-fixed-8x8-3p-1f-v2", players, [(2, 3, 3)])
    views = grid.step([NOTHING, NOTHING, NOTHING])
    assert views.observations[1, 0].tolist() == [2, 3, 3, 3, 3, 0, 2, 2, 0, 0, 0, 0]
    assert views.state[0].tolist() == [2, 3, 3, 2, 2, 1, 3, 3, 2, 0, 0, 3]
    views = grid.step([LOAD, LOAD, NOTHING])
    np.testing.assert_array_equal(views.individual_rewards[:, 0], np.array([1 / 3, 2 / 3, 0], np.float32))


def test_hidden_levels_take_no_place() -> None:
    grid = PlacedGrid(TWO, [(2, 2, 1), (3, 3, 2)], [(2, 3, 3), FAR], observe_agent_levels=False)
    assert grid.step([NOTHING, NOTHING]).observations[0, 0].tolist() == [2, 3, 3, 6, 6, 1, 2, 2, 3, 3]
