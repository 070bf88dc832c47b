"""Battles that do not all begin alike: every unit's start is moved a little, before the first environment step."""

from __future__ import annotations

import numpy as np

from fedqmix.envs.positions import ShowsAllBattles, kinds, ways
from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.world import EpisodeBatch, World


def shift_units(world: World, map: str, seed: int, battles: EpisodeBatch, shift: float) -> None:
    """Move all units of a batch that has just begun, each by its own uniform draws along x and y.

    shift: the farthest along each axis, in map cells. Structures stay, and so does a unit that would leave walkable
    ground. The draws of a battle depend on the seed, purpose and episode alone. A world that does not show its own
    records is left as it is.
    """
    if shift == 0 or not isinstance(world, ShowsAllBattles):
        return
    units = world.units_of_all_battles()  # the world's own records: what is written here is where they stand
    role = f"shift {battles.purpose.value}"
    drawn = [
        generator(seed, role, battles.first + b).uniform(-shift, shift, (2, units.shape[1])) for b in range(len(units))
    ]
    x, y = units["x"] + np.stack(drawn)[:, 0], units["y"] + np.stack(drawn)[:, 1]
    moves = (kinds().stride[units["kind"]] > 0) & ways(map).walkable(x, y)
    units["x"], units["y"] = np.where(moves, x, units["x"]), np.where(moves, y, units["y"])
