"""The messages between world and game process over a pipe: JSON, then arrays as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from fedqmix.envs.smac.options import SmacOptions
from fedqmix.runtime.core.world import UnitRecord

Facts = dict[str, Any]
Arrays = dict[str, np.ndarray]

BEGIN, STEP, UNITS, REPLAY = "begin", "step", "units", "replay"
"""The requests to a game process: begin a battle, take an environment step, list the units, save the game's replay."""
ASK, NUMBER = "ask", "number"
"""The fields of a request; its reply has the same number."""
FAILED = "failed"
"""The field of an error reply: the reason for which the game broke down. The process ends after it."""


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


@dataclass
class Sight:
    """The views and rewards of one battle after an environment step, or at its beginning."""

    observations: np.ndarray  # [agents, obs_dim] float32
    available: np.ndarray  # [agents, n_actions] bool, SMAC's masks, also when the battle is over
    state: np.ndarray  # [state_dim] float32
    team_reward: float = 0.0
    individual_rewards: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))  # [agents]
    terminated: bool = False
    truncated: bool = False
    won: bool = False

    def encode(self) -> tuple[Facts, Arrays]:
        """Return the fields as facts and arrays."""
        facts = {name: getattr(self, name) for name in ("team_reward", "terminated", "truncated", "won")}
        arrays = {name: getattr(self, name) for name in ("observations", "available", "state", "individual_rewards")}
        return facts, arrays

    @classmethod
    def decode(cls, facts: Facts, arrays: Arrays) -> Sight:
        """Return the Sight of facts and arrays from `encode`."""
        values: dict[str, Any] = {**facts, **arrays}
        return cls(**values)


def send(pipe: Connection, facts: Mapping[str, Any], arrays: Arrays | None = None) -> None:
    """Send a message. Raises OSError when the other end is closed."""
    pipe.send_bytes(json.dumps(facts).encode())
    pipe.send_bytes(save({name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}))


def receive(pipe: Connection) -> tuple[Facts, Arrays]:
    """Receive a message. Raises EOFError or OSError when the other end is closed."""
    facts: Facts = json.loads(pipe.recv_bytes())
    return facts, load(pipe.recv_bytes())


def encode_units(units: list[UnitRecord]) -> Facts:
    """Return units as facts."""
    return {UNITS: [asdict(unit) for unit in units]}


def decode_units(facts: Facts) -> list[UnitRecord]:
    """Return the units of facts from `encode_units`."""
    return [UnitRecord(**unit) for unit in facts[UNITS]]
