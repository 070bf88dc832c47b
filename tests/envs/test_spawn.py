"""Where battles begin."""

from __future__ import annotations

import numpy as np
import pytest

from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish.spawn import spawn_points
from fedqmix.envs.skirmish.teams import make_catalogue, make_units
from support.both_sides import SYMMETRIC, mirrored
from support.worlds import MAPS

CROWDED = {"so_many_baneling"}  # the map's corner is too narrow for 32 banelings: some begin overlapping


@pytest.mark.parametrize("name", MAPS)
def test_units_stand_on_walkable_ground_and_apart(name: str) -> None:
    record, units = load_map(name), make_units(load_map(name))
    x, y = units["x"], units["y"]
    assert record.walkable[x.astype(int), y.astype(int)].all()
    radius = make_catalogue().kinds["separation_radius"][units["kind"]]
    apart = np.hypot(x[:, None] - x[None], y[:, None] - y[None]) - radius[:, None] - radius[None]
    apart[np.diag_indices(len(x))] = np.inf
    assert (apart.min() >= 0) == (name not in CROWDED)


@pytest.mark.parametrize("name", MAPS)
def test_groups_stand_around_the_map_s_points(name: str) -> None:
    record = load_map(name)
    x, y = spawn_points(record)
    names = np.array(record.unit_types)
    for first, groups in ((0, record.allies), (record.n_agents, record.enemies)):
        side = slice(first, first + sum(group.count for group in groups))
        for point in {(group.x, group.y) for group in groups}:
            kinds = [group.unit for group in groups if (group.x, group.y) == point]
            count = sum(group.count for group in groups if (group.x, group.y) == point)
            away = np.hypot(x[side] - point[0], y[side] - point[1])[np.isin(names[side], kinds)]
            assert np.sort(away)[:count].max() < 1.0 + 0.95 * np.sqrt(count)


@pytest.mark.parametrize("name", MAPS)
def test_agents_are_numbered_by_type_and_place(name: str) -> None:
    record = load_map(name)
    x, y = spawn_points(record)
    agents = slice(None, record.n_agents)
    keys = list(zip(record.unit_types[agents], x[agents], y[agents], strict=True))
    assert keys == sorted(keys)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_equal_teams_mirror_each_other(name: str) -> None:
    record = load_map(name)
    x, y = spawn_points(record)
    names, agents = record.unit_types, record.n_agents

    def listed(x: np.ndarray, y: np.ndarray, names: list[str]) -> list[tuple[str, float, float]]:
        return sorted(zip(names, np.round(x, 9).tolist(), np.round(y, 9).tolist(), strict=True))

    images = mirrored(record, x[:agents], y[:agents])
    assert listed(*images, names[:agents]) == listed(x[agents:], y[agents:], names[agents:])
