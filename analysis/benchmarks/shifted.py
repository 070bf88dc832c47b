"""Varied starts for benchmarks: every unit is shifted before the first environment step."""

from __future__ import annotations

import numpy as np

from fedqmix.envs.positions import ShowsAllBattles, kinds, ways
from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.world import EpisodeBatch, World


def shift_units(world: World, map: str, seed: int, battles: EpisodeBatch, shift: float) -> None:
    """Shift all units of a batch that has just begun, each by uniform draws along x and y.

    shift: largest shift along each axis, in map cells. Structures do not move, nor does a unit that would leave
    walkable ground. The draws of an episode depend on the seed, purpose and episode number alone. A world without
    ShowsAllBattles is left unchanged.
    """
    if shift == 0 or not isinstance(world, ShowsAllBattles):
        return
    units = world.units_of_all_battles()  # the world's own records: writing to them moves the units
    role = f"shift {battles.purpose.value}"
    drawn = [
        generator(seed, role, battles.first + b).uniform(-shift, shift, (2, units.shape[1])) for b in range(len(units))
    ]
    x, y = units["x"] + np.stack(drawn)[:, 0], units["y"] + np.stack(drawn)[:, 1]
    moves = (kinds().stride[units["kind"]] > 0) & ways(map).walkable(x, y)
    units["x"], units["y"] = np.where(moves, x, units["x"]), np.where(moves, y, units["y"])
