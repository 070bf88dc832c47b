"""Where battles begin."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import MAPS

from envs.maps import load_map
from envs.skirmish.spawn import spawn_points


@pytest.mark.parametrize("name", MAPS)
def test_spawns_are_apart_walkable_and_around_the_map_s_points(name: str) -> None:
    record = load_map(name)
    x, y = spawn_points(record)
    assert record.walkable[x.astype(int), y.astype(int)].all()
    apart = np.hypot(x[:, None] - x[None], y[:, None] - y[None]) + 9 * np.eye(len(x))
    assert apart.min() >= 0.75
    allies, enemies = slice(None, record.n_agents), slice(record.n_agents, None)
    for side, point in ((allies, 9), (enemies, 23)):
        assert np.abs(x[side].mean() - point) < 0.5
        assert y[side].mean() == pytest.approx(16)
    keys = list(zip(x[allies], y[allies], strict=True))
    assert keys == sorted(keys)


@pytest.mark.parametrize("name", ["3m", "8m", "25m"])
def test_equal_teams_mirror_each_other(name: str) -> None:
    x, y = spawn_points(load_map(name))
    half = len(x) // 2
    allies = set(zip(np.round(32 - x[:half], 9), np.round(y[:half], 9), strict=True))
    enemies = set(zip(np.round(x[half:], 9), np.round(y[half:], 9), strict=True))
    assert allies == enemies
