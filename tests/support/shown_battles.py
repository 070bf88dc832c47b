"""Battles to show: one written by hand, one played by real agents on the real world."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fedqmix.envs.replays import Occasion, Replay, Result, Unit

N = np.nan
OCCASION = Occasion("run-7", "evaluation", 32, 1, 4, 30_122, 0.0)


def short_battle(**changes: Any) -> Replay:
    """Three steps: a marine and a medivac (with a shield, for once) against a stalker; the marine dies in the last.

    In step 1 the medivac heals the marine and the stalker shoots it; in step 2 the marine explored.
    """
    battle = Replay(
        map="3m",
        occasion=OCCASION,
        result=Result.LOST,
        walkable=np.array([[1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1]] * 16, np.bool_),
        units=(
            Unit("ally", 0, "marine", 0.375, 45.0, 0.0),
            Unit("ally", 1, "medivac", 0.75, 150.0, 20.0),
            Unit("enemy", 0, "stalker", 0.625, 80.0, 80.0),
        ),
        x=np.array([[3, 2, 12], [4, 2, 11], [5, 2, 10], [5, 2, 10]], float),
        y=np.array([[5, 4, 5], [5, 4, 5], [5.25, 4, 5], [5.25, 4, 5]], float),
        health=np.array([[45, 150, 80], [45, 150, 80], [30, 150, 80], [0, 150, 80]], float),
        shield=np.array([[0, 20, 80], [0, 20, 74], [0, 20, 74], [0, 20, 80]], float),
        energy_or_cooldown=np.array([[0, 50, 0], [9, 50, 0], [2, 47.75, 20], [0, 48, 12]], float),
        target=np.array([[-1, -1, -1], [2, -1, -1], [-1, 0, 0], [-1, -1, 0]]),
        actions=np.array([[6, 1], [4, 6], [5, 1]]),
        explored=np.array([[0, 0], [0, 0], [1, 0]], np.bool_),
        q_values=np.array(
            [
                [[N, 0.1, 0.2, 0.2, 0.3, -0.25, 1.5, N], [N, 0.5, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2]],
                [[N, 0.1, 0.2, 0.2, 0.4, -0.25, N, N], [N, 0.5, 0.1, 0.1, 0.1, 0.1, 0.9, 0.2]],
                [[N, 0.1, 0.2, 0.2, 0.4, -0.25, N, N], [N, 0.5, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2]],
            ]
        ),
        individual_rewards=np.array([[0.5, 0], [0, 0], [-0.25, 0]]),
        team_reward=np.array([0.5, 0, -0.25]),
    )
    return replace(battle, **changes)


def assert_equal_replays(one: Replay, other: Replay, places: int) -> None:
    """Compare everything; numbers to so many decimal places."""
    for name, value in vars(one).items():
        found = getattr(other, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(found, value, rtol=0, atol=0.6 * 10**-places, err_msg=name)
            assert found.dtype == value.dtype, name
        else:
            assert found == value, name
