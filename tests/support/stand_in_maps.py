"""SMAC's maps as the stand-in knows them: the files it is given, and the ground as game information shows it."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
from s2clientprotocol import raw_pb2

from fedqmix.envs.maps import MapRecord, load_map
from fedqmix.runtime.core.errors import ConfigurationError

FOLDER, SUFFIX = "SMAC_Maps", ".SC2Map"


def map_file(name: str) -> bytes:
    """Return what stands in for a map's file. StarCraft II cannot read it."""
    return f"fedqmix stand-in for the map {name}; not a StarCraft II map\n".encode()


def map_path(name: str) -> str:
    """Return a map's path under Maps, as pysc2 sends it."""
    return f"{FOLDER}/{name}{SUFFIX}"


def find_map(path: str) -> MapRecord | None:
    """Return the map of a path under Maps, None for one that is not SMAC's."""
    name = PurePosixPath(path).name.removesuffix(SUFFIX)
    if path != map_path(name):
        return None
    try:
        return load_map(name)
    except ConfigurationError:
        return None


def describe_ground(record: MapRecord) -> raw_pb2.StartRaw:
    """Return a map's size and ground in the layout that StarCraft2Env._launch reads.

    pathing_grid: one bit a cell, rows from south to north, eight cells from west to east in a byte, the first in its
    highest bit. terrain_height: one byte a cell, rows from north to south.
    """
    width, height = record.walkable.shape
    ground = raw_pb2.StartRaw()
    ground.map_size.x, ground.map_size.y = width, height
    ground.playable_area.p0.x, ground.playable_area.p0.y = 0, 0
    ground.playable_area.p1.x, ground.playable_area.p1.y = width, height
    levels = np.round(record.height.T[::-1] * 255).astype(np.uint8)
    for image, bits, data in (
        (ground.pathing_grid, 1, np.packbits(record.walkable.T, axis=1)),
        (ground.placement_grid, 1, np.zeros((height, width // 8), np.uint8)),
        (ground.terrain_height, 8, levels),
    ):
        image.bits_per_pixel, image.size.x, image.size.y, image.data = bits, width, height, data.tobytes()
    return ground
