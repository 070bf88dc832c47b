"""The settings of SMACv2's scenarios, with the names and defaults of its StarCraft2Env where it has them."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import number, value
from fedqmix.envs.battle_options import BattleOptions


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
