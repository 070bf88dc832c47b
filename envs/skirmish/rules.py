"""The constants of combat in map cells and game loops."""

from __future__ import annotations

from typing import NamedTuple

from fedqmix.envs.units import combat_constants


class Rules(NamedTuple):
    """The constants of combat for all units and maps, as the compiled code reads them."""

    loops: int  # game loops in an environment step
    minimum_damage: float
    delay_low: float  # added to every weapon period: uniform between low and high
    delay_high: float
    leash: float
    help_radius: float
    help_period: float


def make_rules() -> Rules:
    """Convert the constants of combat to game loops."""
    constants = combat_constants()
    loops = constants.loops_per_second
    return Rules(
        loops=constants.loops_per_env_step,
        minimum_damage=float(constants.minimum_damage),
        delay_low=float(constants.weapon_delay[0] * loops),
        delay_high=float(constants.weapon_delay[1] * loops),
        leash=float(constants.acquire_leash),
        help_radius=float(constants.call_for_help_radius),
        help_period=float(constants.call_for_help_period * loops),
    )
