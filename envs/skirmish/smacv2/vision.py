"""What agents see and reach in SMACv2: ranges by unit type, cones of sight, and enemies that must be discovered.

The numbers are those of SMACv2's StarCraft2Env. In SMAC all units have the same ranges, agents see in all directions,
and every agent sees every enemy in sight.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import NamedTuple

import numpy as np

from fedqmix.envs.actions import ACTION_NAMES
from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.random_teams.tasks import patients_after
from fedqmix.envs.skirmish.smacv2.options import Smacv2Options
from fedqmix.envs.skirmish.smacv2.scenarios import DIRECTIONS
from fedqmix.envs.units import unit_names
from fedqmix.runtime.core.world import Floats, Floats64

SHOOT_RANGE = 6.0  # SMAC's unit_shoot_range: from centre to centre, inclusive, whatever the weapon
SIGHT_RANGE = 9.0  # SMAC's unit_sight_range: exclusive
ACTIONS_BEFORE_TURNS = len(ACTION_NAMES)
"""no-op, stop, north, south, east, west; with a cone of sight, action 6 + i turns it to direction i."""


SIGHT = {"stalker": 10, "zealot": 9, "colossus": 10, "marine": 9, "marauder": 10, "medivac": 11}
SIGHT |= {"zergling": 8, "hydralisk": 9, "baneling": 8}
"""Sight by unit type in cells, from centre to centre (unit_sight_range)."""
RANGE = {"stalker": 6, "zealot": 2, "colossus": 7, "marine": 5, "marauder": 6, "medivac": 4}
RANGE |= {"zergling": 2, "hydralisk": 5, "baneling": 2}
"""Range of attacks and of healing by unit type in cells, from centre to centre, min_attack_range at least
(unit_shoot_range)."""


class Limits(NamedTuple):
    """What restricts the sight of agents, as the compiled code reads it."""

    directions: Floats64  # [directions, (x, y)] where a cone can point; none: agents see all around
    claims: bool  # enemies must be discovered
    granted: float  # probability that an agent sees an enemy that another discovered
    quirk: bool  # the released code's errors


class Vision(NamedTuple):
    """What agents see and reach, as the compiled code reads it.

    Without limits the code that applies them is left out of the kernels, whose compilation takes long enough.
    """

    sight: Floats  # [kinds] cells; exclusive, with a cone inclusive
    shoot: Floats  # [kinds] cells, inclusive
    first_target: int  # the first action that attacks or heals
    first_patient: int  # the first action that heals: the same in SMAC, where medivacs heal instead of attacking
    action_mask: bool  # only targets in range are available
    limits: Limits | None

    @property
    def turns(self) -> int:
        """The number of actions that turn a cone of sight; 0 without one."""
        return self.first_target - ACTIONS_BEFORE_TURNS


def _by_kind(ranges: dict[str, int], usual: float) -> Floats:
    return np.array([ranges.get(name, usual) for name in unit_names()], np.float32)


SMAC_VISION = Vision(
    sight=_by_kind({}, SIGHT_RANGE),
    shoot=_by_kind({}, SHOOT_RANGE),
    first_target=ACTIONS_BEFORE_TURNS,
    first_patient=ACTIONS_BEFORE_TURNS,
    action_mask=True,
    limits=None,
)
"""SMAC's ranges and no restriction of sight."""


def make_vision(record: MapRecord, env: BattleOptions) -> Vision:
    """Return what agents see and reach on a map."""
    if not record.smacv2 or not isinstance(env, Smacv2Options):
        return SMAC_VISION._replace(first_patient=ACTIONS_BEFORE_TURNS + patients_after(record.name))
    angles = [2 * pi * i / DIRECTIONS for i in range(DIRECTIONS if env.conic_fov else 0)]
    limits = Limits(
        directions=np.array([(cos(angle), sin(angle)) for angle in angles]).reshape(-1, 2),
        claims=bool(env.prob_obs_enemy < 1.0 or env.quirk),
        granted=float(env.prob_obs_enemy),
        quirk=bool(env.quirk),
    )
    return Vision(
        sight=_by_kind(SIGHT, SIGHT_RANGE),
        shoot=_by_kind(RANGE, SHOOT_RANGE),
        first_target=ACTIONS_BEFORE_TURNS + len(angles),
        first_patient=ACTIONS_BEFORE_TURNS + len(angles),
        action_mask=bool(env.action_mask),
        limits=limits if angles or limits.claims else None,
    )
