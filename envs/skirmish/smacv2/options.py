"""The settings of SMACv2's scenarios, with the names and defaults of its StarCraft2Env where it has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedqmix.conf.fields import number, value
from fedqmix.envs.battle_options import BattleOptions
from fedqmix.runtime.core.errors import ConfigurationError

if TYPE_CHECKING:
    from fedqmix.envs.maps import MapRecord  # settings load without numpy


@dataclass
class Smacv2Options(BattleOptions):
    """The settings that only SMACv2's scenarios have (Ellis et al. 2023, arXiv 2212.07489)."""

    reflect: float = number(
        0, 1, doc="SMACv2: probability of mirrored starts; in the others enemies surround the agents"
    )
    prob_obs_enemy: float = number(
        0, 1, doc="SMACv2: probability that an agent sees an enemy that another discovered; 0: the EPO challenge"
    )
    action_mask: bool = value(doc="SMACv2: only enemies in range may be attacked; false: all living ones")
    conic_fov: bool = value(doc="SMACv2: agents see a cone of 30 degrees, which 12 more actions turn")
    quirk: bool = value(doc="SMACv2: repeat two errors of the released code (docs/smacv2.md)")


USUAL = {"prob_obs_enemy": 1.0, "action_mask": True, "conic_fov": False, "quirk": False}
"""The values of the switches on SMAC's maps, which have none of them, and their defaults."""


def check_smacv2(record: MapRecord, env: BattleOptions) -> None:
    """Check that a map and the settings belong together.

    Raises ConfigurationError for a switch of SMACv2 on a map of SMAC, and for env.randomise in a scenario.
    """
    if record.smacv2:
        randomise = getattr(env, "randomise", "nothing")
        if randomise != "nothing":
            raise ConfigurationError(
                f"env.randomise={randomise} belongs to SMAC's maps: map={record.name} is a scenario of SMACv2, which "
                "draws types and positions by itself. Leave env.randomise=nothing."
            )
        return
    for name, usual in USUAL.items():
        if getattr(env, name, usual) != usual:
            raise ConfigurationError(
                f"env.{name}={str(getattr(env, name)).lower()} belongs to SMACv2's scenarios, and map={record.name} is "
                f"a map of SMAC: leave env.{name}={str(usual).lower()}, or choose a scenario: map=protoss_5_vs_5."
            )
