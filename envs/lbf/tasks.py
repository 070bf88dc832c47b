"""The tasks of level-based foraging, read from their names, and the changes that settings make to them."""

from __future__ import annotations

import re
from typing import NamedTuple

from fedqmix.envs.lbf.options import MOST, LbfOptions
from fedqmix.runtime.core.errors import ConfigurationError

SMALLEST = 5  # the shortest side of a published grid
USUAL_LEVEL = 2  # the highest level of a player in the published tasks
FIXED_LEVELS = 3  # in the fixed tasks, player i has level i mod 3 + 1

PATTERN = "Foraging[-Ns][-fixed]-SxS-Np-Mf[-coop]-v3"
"""The pattern of names, for errors: sight N, side S, N players, M foods; -v2 has the rules of the package's 1.1.1."""

_NAME = re.compile(
    r"Foraging(?:-(?P<sight>\d{1,4})s)?(?P<fixed>-fixed)?-(?P<rows>\d{1,4})x(?P<columns>\d{1,4})"
    r"-(?P<players>\d{1,4})p-(?P<foods>\d{1,4})f(?P<coop>-coop)?-v(?P<version>[23])",
    re.ASCII,
)


class Task(NamedTuple):
    """A task's grid and the rules by which levels are drawn."""

    side: int  # cells of the square grid along each axis
    players: int
    foods: int  # the most at the start
    sight: int  # cells in each direction
    coop: bool  # a food needs the levels of all players, or of the three lowest where there are more
    hardest: bool  # version 3: a food that need not be loaded by all may have that level too
    fixed: bool  # the players' levels are the same in every episode, and no observation holds them
    max_player_level: int

    @property
    def levels(self) -> list[int]:
        """The players' levels in a task that fixes them: [players]."""
        return [player % FIXED_LEVELS + 1 for player in range(self.players)]


TASKS = (
    "Foraging-8x8-2p-3f-v3",
    "Foraging-8x8-2p-2f-coop-v3",
    "Foraging-2s-8x8-2p-2f-coop-v3",
    "Foraging-10x10-3p-3f-v3",
    "Foraging-2s-10x10-3p-3f-v3",
    "Foraging-15x15-3p-4f-v3",
    "Foraging-15x15-4p-3f-v3",
    "Foraging-15x15-4p-5f-v3",
    "Foraging-8x8-2p-2f-coop-v2",
    "Foraging-10x10-3p-3f-v2",
    "Foraging-fixed-8x8-6p-3f-v2",
    "Foraging-fixed-10x10-6p-3f-v2",
)
"""Common tasks; any other name of the pattern is a task too."""


def find_task(name: str, options: LbfOptions) -> Task:
    """Return the task of a name, with the changes of the settings.

    Raises ConfigurationError for a name of another pattern, for sizes that no grid can hold, and for drawn levels
    where the task fixes them.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ConfigurationError(
            f"map={name} is not a task of env=lbf. Names have the pattern {PATTERN} or ...-v2, such as "
            f"{', '.join(TASKS[:3])}, and Foraging-fixed-8x8-6p-3f-v2."
        )
    side, columns, players, foods = (int(found[part]) for part in ("rows", "columns", "players", "foods"))
    sight = side if found["sight"] is None else int(found["sight"])
    _check_sizes(name, side, columns, players, foods, sight)
    fixed, version = found["fixed"] is not None, int(found["version"])
    if fixed and version != 2:
        raise ConfigurationError(f"map={name}: fixed levels exist in version 2 alone. Write {name[:-1]}2.")
    if fixed and options.max_player_level is not None:
        raise ConfigurationError(
            f"env.max_player_level={options.max_player_level} does not fit map={name}, whose players have fixed "
            "levels. Leave it out, or write a map without -fixed."
        )
    return Task(
        side=side,
        players=players,
        foods=foods,
        sight=min(sight if options.sight is None else options.sight, side),
        coop=found["coop"] is not None,
        hardest=version == 3,
        fixed=fixed,
        max_player_level=options.max_player_level or (FIXED_LEVELS if fixed else USUAL_LEVEL),
    )


def _check_sizes(name: str, side: int, columns: int, players: int, foods: int, sight: int) -> None:
    if side != columns:
        raise ConfigurationError(f"map={name}: a grid is square, such as {side}x{side}.")
    limits = {
        "cells along each side": (side, SMALLEST, MOST),
        "players": (players, 1, side * side // 2),
        "foods": (foods, 1, (side - 2) ** 2 // 2),
        "cells of sight": (sight, 1, MOST),
    }
    for what, (size, least, most) in limits.items():
        if not least <= size <= most:
            where = "" if what == "cells along each side" else f" in a grid of {side}x{side} cells"
            raise ConfigurationError(f"map={name}: {size} {what}{where}; allowed are {least} to {most}.")
