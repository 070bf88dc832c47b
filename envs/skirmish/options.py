"""The settings of env=skirmish."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import choice
from fedqmix.envs.skirmish.smacv2.options import Smacv2Options


@dataclass
class SkirmishOptions(Smacv2Options):
    """The settings of the embedded battle simulator."""

    randomise: str = choice(
        "nothing", "types", "positions", "both", doc="what is drawn anew for every episode, as in SMACv2"
    )
