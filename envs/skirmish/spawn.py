"""Where units stand when a battle begins: packed in ranks around their spawn point, the same in every battle."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from envs.maps import Group, MapRecord
from envs.units import unit_type

SPACING = 0.05  # cells between two neighbours' edges


def spawn_points(record: MapRecord) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y [units] of all units at the beginning, allies first.

    The enemies' formation is the mirror image of the one as many allies would take up. Agents are numbered by
    (type, x, y) as SMAC does (init_units); enemies by order of creation.
    """
    ally_x, ally_y = _side(record.allies, mirrored=False)
    enemy_x, enemy_y = _side(record.enemies, mirrored=True)
    kinds = [group.unit for group in record.allies for _ in range(group.count)]
    order = sorted(range(len(kinds)), key=lambda unit: (kinds[unit], ally_x[unit], ally_y[unit]))
    return np.concatenate([ally_x[order], enemy_x]), np.concatenate([ally_y[order], enemy_y])


def _side(groups: tuple[Group, ...], *, mirrored: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    packed = [_pack(group) for group in groups]
    sign = -1.0 if mirrored else 1.0
    x = np.concatenate([group.x + sign * ahead for group, (ahead, _) in zip(groups, packed, strict=True)])
    y = np.concatenate([group.y + aside for group, (_, aside) in zip(groups, packed, strict=True)])
    return x, y


def _pack(group: Group) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets (ahead, aside) of a group's units from its point: ranks of ceil(sqrt(count)), the last one centred."""
    width = ceil(sqrt(group.count))
    pitch = 2 * unit_type(group.unit).separation_radius + SPACING
    rank, file = np.divmod(np.arange(group.count), width)
    filled = np.minimum(group.count - rank * width, width)
    ahead = (rank - rank[-1] / 2) * pitch
    aside = (file - (filled - 1) / 2) * pitch
    return ahead, aside
