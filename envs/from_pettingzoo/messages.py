"""The job of a process that plays a parallel environment, and the requests that only it knows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

SIZES, SEED = "sizes", "seed"
"""The request for the environment's sizes; the field of BEGIN that fixes an episode's random draws."""
NAME = "name"
"""The field of the reply to SIZES with the environment's own name."""


@dataclass(frozen=True)
class Job:
    """The arguments of a process: settings of env=pettingzoo under their names there."""

    code: str
    episode_limit: int | None
    team_reward: str
    state: str
    score: str

    def to_json(self) -> str:
        """Return the job as JSON, for the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Return the job of a text from `to_json`."""
        return cls(**json.loads(text))
