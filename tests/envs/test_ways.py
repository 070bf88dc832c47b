"""Ways round corners: on maps that are not open, units on the ground get from everywhere to where they have to go."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fedqmix.envs import available_maps
from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish.movement import ALLOWED_OVERLAP
from fedqmix.envs.skirmish.terrain import make_terrain
from support.arena import Arena

WINDING = {"corridor", "2c_vs_64zg", "so_many_baneling"}


def reachable_cells(name: str) -> np.ndarray:
    """[cells, 2] the walkable cells that one can walk to from where the enemies begin, step by step sideways."""
    record = load_map(name)
    regions, _ = ndimage.label(record.walkable)
    spawn = record.enemies[0]
    return np.argwhere(regions == regions[int(spawn.x), int(spawn.y)])


def walkers(name: str, cells: np.ndarray, kind: str, **arguments) -> Arena:
    """One enemy in every cell, through whom others can walk."""
    places = [(kind, x + 0.5, y + 0.5) for x, y in cells]
    arena = Arena(arguments.pop("allies", [("colossus", 16, 16)]), places, map=name, **arguments)
    arena.scene.kinds["separation_radius"] = ALLOWED_OVERLAP / 2
    return arena


@pytest.mark.parametrize("name", available_maps())
def test_from_every_cell_to_the_attack_point(name: str) -> None:
    record = load_map(name)
    if name in ("2c_vs_64zg", "2s_vs_1sc"):
        return  # no attack point
    cells = reachable_cells(name)
    arena = walkers(name, cells, "zergling", goal=record.attack[0])
    arena.units["health"][0] = 0
    arena.loop(400)
    enemies = arena.units[1:]
    late = ~enemies["arrived"]
    assert not late.any(), cells[late].tolist()
    assert np.hypot(enemies["x"] - record.attack[0][0], enemies["y"] - record.attack[0][1]).max() <= 0.05


@pytest.mark.parametrize("place", [(16, 18), (16, 10), (16.3, 12.7), (1.5, 11.0), (27.5, 13.5), (5.5, 7.5), (16, 19.5)])
def test_zerglings_reach_a_colossus_wherever_it_stands(place: tuple[float, float]) -> None:
    """North of the cliff, south of it, on it, and in the corners; the longest way round is some 40 cells."""
    cells = reachable_cells("2c_vs_64zg")
    arena = walkers("2c_vs_64zg", cells, "zergling", allies=[("colossus", *place)], hunting=True)
    arena.endless(0)
    arena.units["order"][0] = 0
    arena.loop(400)
    enemies = arena.units[1:]
    away = np.hypot(enemies["x"] - place[0], enemies["y"] - place[1]) > 0.1 + 1.0 + 0.375 + 1e-6
    assert not away.any(), cells[away].tolist()


@pytest.mark.parametrize("name", sorted(WINDING))
def test_from_every_cell_to_many_others(name: str) -> None:
    cells = reachable_cells(name)
    for goal in cells[:: len(cells) // 5]:
        arena = walkers(name, cells, "zergling", goal=tuple(goal + 0.5))
        arena.units["health"][0] = 0
        arena.loop(400)
        late = ~arena.units["arrived"][1:]
        assert not late.any(), (goal.tolist(), cells[late].tolist())


@pytest.mark.parametrize("name", sorted(WINDING))
def test_ways_are_not_much_longer_than_they_must_be(name: str) -> None:
    """Against the shortest way over neighbouring cells, which can be 8 % longer than the shortest of all."""
    cells = reachable_cells(name)
    goal = cells[len(cells) // 7]
    arena = walkers(name, cells, "marine", goal=tuple(goal + 0.5))
    arena.units["health"][0] = 0
    needed = np.full(len(cells), np.inf)
    for loop in range(1, 600):
        arena.loop()
        needed[arena.units["arrived"][1:] & np.isinf(needed)] = loop
    walked = needed * 2.25 / 16
    shortest = grid_distances(name, cells, goal)
    assert np.isfinite(walked).all()
    assert (walked >= np.hypot(*(cells - goal).T) - 0.3).all()
    assert (walked <= shortest * 1.08 + 1.0).all(), np.max(walked - shortest)


def grid_distances(name: str, cells: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """[cells] lengths of the shortest ways over sides and corners of cells, not cutting any corner of a wall."""
    walkable = load_map(name).walkable
    lengths = np.full(walkable.shape, np.inf)
    lengths[tuple(goal)] = 0
    for _ in range(120):
        padded = np.pad(lengths, 1, constant_values=np.inf)
        steps = [padded[1 + x : 33 + x, 1 + y : 33 + y] + np.hypot(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
        side = np.pad(walkable, 1)
        for index, (x, y) in enumerate((x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)):
            free = side[1 + x : 33 + x, 1:33] & side[1:33, 1 + y : 33 + y]
            steps[index] = np.where(free, steps[index], np.inf)
        lengths = np.where(walkable, np.min(steps, axis=0), np.inf)
    return lengths[tuple(cells.T)]


@pytest.mark.parametrize("name", available_maps())
def test_ways_are_worked_out_where_there_are_corners(name: str) -> None:
    assert make_terrain(load_map(name)).winding == (name in WINDING)
