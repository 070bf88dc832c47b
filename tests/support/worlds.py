"""What tests of worlds share: SMAC's default options, and what random play needs (fedqmix.envs.random_play)."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.random_play import KeepingSink, RandomPlayer, copied, over, play, training
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.envs.smac.options import SmacOptions
from fedqmix.runtime.core.world import Integers, TimeStep

__all__ = [
    "MAPS",
    "SMAC_DEFAULTS",
    "KeepingSink",
    "LocalSink",
    "RandomPlayer",
    "advance_and_attack",
    "copied",
    "options",
    "over",
    "play",
    "smac_options",
    "training",
]

SMAC_DEFAULTS = SkirmishOptions(
    name="skirmish",
    obs_all_health=True,
    obs_own_health=True,
    obs_last_action=False,
    obs_pathing_grid=False,
    obs_terrain_height=False,
    obs_instead_of_state=False,
    obs_timestep_number=False,
    state_last_action=True,
    state_timestep_number=False,
    reward_sparse=False,
    reward_only_positive=True,
    reward_death_value=10,
    reward_win=200,
    reward_defeat=0,
    reward_negative_scale=0.5,
    reward_scale=True,
    reward_scale_rate=20,
    randomise="nothing",
    reflect=0.5,
    prob_obs_enemy=1.0,
    action_mask=True,
    conic_fov=False,
    quirk=False,
)

MAPS = (
    "2m_vs_1z",
    "2s_vs_1sc",
    "3m",
    "3s_vs_3z",
    "3s_vs_4z",
    "3s_vs_5z",
    "2s3z",
    "5m_vs_6m",
    "6h_vs_8z",
    "8m",
    "3s5z",
    "8m_vs_9m",
    "3s5z_vs_3s6z",
    "1c3s5z",
    "MMM",
    "10m_vs_11m",
    "MMM2",
    "corridor",
    "so_many_baneling",
    "25m",
    "bane_vs_bane",
    "27m_vs_30m",
    "2c_vs_64zg",
)


def options(**changes: Any) -> SkirmishOptions:
    """SMAC's default options with changes."""
    return replace(SMAC_DEFAULTS, **changes)


def smac_options(**changes: Any) -> SmacOptions:
    """SMAC's default options for its games, with changes."""
    same = {one.name: getattr(SMAC_DEFAULTS, one.name) for one in fields(BattleOptions)}
    games = {"starts": "varied", "games": 1, "call_seconds": 60, "replay_dir": "", "difficulty": "7"}
    return SmacOptions(**{**same, "name": "smac", **games, **changes})


def advance_and_attack(time_step: TimeStep, n_enemies: int, *, focus: bool) -> Integers:
    """A script: attack (the nearest, or with focus the weakest) whom one can, else walk towards the nearest seen.

    Reads observations laid out by SMAC's default options.
    """
    available = time_step.available_actions
    agents, count, _ = available.shape
    seen = time_step.observations[:, :, 4 : 4 + 5 * n_enemies].reshape(agents, count, n_enemies, 5)
    attackable = available[:, :, 6:]
    distance = np.where(seen[..., 1] > 0, seen[..., 1], 9.0)
    nearest = distance.argmin(-1)[..., None]
    ahead_x = np.take_along_axis(seen[..., 2], nearest, 2)[..., 0]
    ahead_y = np.take_along_axis(seen[..., 3], nearest, 2)[..., 0]
    sideways = np.abs(ahead_x) >= np.abs(ahead_y)
    walk = np.where(sideways, np.where(ahead_x >= 0, 4, 5), np.where(ahead_y > 0, 2, 3))
    if focus:
        health = np.where(attackable, seen[..., 4], 9.0).min(0)
        rank = np.broadcast_to(health * 100 + np.arange(n_enemies), attackable.shape)
    else:
        rank = distance
    target = np.where(attackable, rank, np.inf).argmin(-1)
    walk = np.where(np.take_along_axis(available, walk[..., None], 2)[..., 0], walk, 1)
    chosen = np.where(attackable.any(-1), 6 + target, walk)
    return np.where(available[..., 0], 0, chosen)


class LocalSink(KeepingSink):
    """A sink in the world's own process, for a world that is served."""

    waited = 0.0

    def interrupt(self) -> None:
        pass

    def open(self, attempt) -> None:
        pass
