"""Scripted teams that play through SMAC's methods."""

from __future__ import annotations

import numpy as np

from fedqmix.envs import StarCraft2Env


def first_available(env: StarCraft2Env) -> list[int]:
    return [mask.index(1) for mask in env.get_avail_actions()]


def run_away(env: StarCraft2Env) -> list[int]:
    """Walk west as long as one can, else stop."""
    return [0 if mask[0] else 5 if mask[5] else 1 for mask in env.get_avail_actions()]


def forward(env: StarCraft2Env) -> list[int]:
    """Attack the last enemy that can be attacked, else walk east."""
    masks = [np.array(mask) for mask in env.get_avail_actions()]
    return [int(np.flatnonzero(mask)[-1]) if mask[6:].any() else 4 if mask[4] else int(mask.argmax()) for mask in masks]
