"""The job of a game process, and the requests that only games of StarCraft II know."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from fedqmix.envs.smac.options import SmacOptions
from fedqmix.envs.workers.messages import Facts
from fedqmix.runtime.core.world import UnitRecord

UNITS, REPLAY = "units", "replay"
"""The requests beside BEGIN and STEP: list the units, save the game's replay."""


@dataclass(frozen=True)
class Job:
    """The arguments of a game process.

    seed: the game's own. env: settings under SMAC's names.
    """

    map: str
    seed: int
    env: SmacOptions

    def to_json(self) -> str:
        """Return the job as JSON, for the command line."""
        return json.dumps({"map": self.map, "seed": self.seed, "env": asdict(self.env)})

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Return the job of a text from `to_json`."""
        values = json.loads(text)
        return cls(values["map"], values["seed"], SmacOptions(**values["env"]))


def encode_units(units: list[UnitRecord]) -> Facts:
    """Return units as facts."""
    return {UNITS: [asdict(unit) for unit in units]}


def decode_units(facts: Facts) -> list[UnitRecord]:
    """Return the units of facts from `encode_units`."""
    return [UnitRecord(**unit) for unit in facts[UNITS]]
