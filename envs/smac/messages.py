"""What world and game process say to each other over a pipe: a line of JSON, and arrays as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from fedqmix.conf.schema import EnvConfig
from fedqmix.runtime.core.world import UnitRecord

Facts = dict[str, Any]
Arrays = dict[str, np.ndarray]

BEGIN, STEP, UNITS, REPLAY = "begin", "step", "units", "replay"
"""What a game process is asked: the next battle, one environment step, who stands where, a replay of it all."""
ASK, NUMBER = "ask", "number"
"""The facts of a question; its answer has the same number."""
FAILED = "failed"
"""The fact of an answer that is none: why the game can go on no longer. Its process ends then."""


@dataclass(frozen=True)
class Job:
    """What a game process is started for.

    seed: the game's own. env: settings under SMAC's names.
    """

    map: str
    seed: int
    env: EnvConfig

    def written(self) -> str:
        """Return it as JSON, for the command line."""
        return json.dumps({"map": self.map, "seed": self.seed, "env": asdict(self.env)})

    @classmethod
    def read(cls, text: str) -> Job:
        """Return what `written` wrote."""
        values = json.loads(text)
        return cls(values["map"], values["seed"], EnvConfig(**values["env"]))


@dataclass
class Sight:
    """A battle after a step, or at its beginning, as one game process sees it."""

    observations: np.ndarray  # [agents, obs_dim] float32
    available: np.ndarray  # [agents, n_actions] bool, SMAC's own masks, also when the battle is over
    state: np.ndarray  # [state_dim] float32
    team_reward: float = 0.0
    individual_rewards: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))  # [agents]
    terminated: bool = False
    truncated: bool = False
    won: bool = False

    def say(self) -> tuple[Facts, Arrays]:
        """Return it as facts and arrays."""
        facts = {name: getattr(self, name) for name in ("team_reward", "terminated", "truncated", "won")}
        arrays = {name: getattr(self, name) for name in ("observations", "available", "state", "individual_rewards")}
        return facts, arrays

    @classmethod
    def heard(cls, facts: Facts, arrays: Arrays) -> Sight:
        """Return what `say` said."""
        values: dict[str, Any] = {**facts, **arrays}
        return cls(**values)


def send(pipe: Connection, facts: Mapping[str, Any], arrays: Arrays | None = None) -> None:
    """Say something. Raises OSError when nobody is there any more."""
    pipe.send_bytes(json.dumps(facts).encode())
    pipe.send_bytes(save({name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}))


def receive(pipe: Connection) -> tuple[Facts, Arrays]:
    """Hear something. Raises EOFError or OSError when nobody is there any more."""
    facts: Facts = json.loads(pipe.recv_bytes())
    return facts, load(pipe.recv_bytes())


def units_said(units: list[UnitRecord]) -> Facts:
    """Write units down."""
    return {UNITS: [asdict(unit) for unit in units]}


def units_heard(facts: Facts) -> list[UnitRecord]:
    """Return what `units_said` wrote."""
    return [UnitRecord(**unit) for unit in facts[UNITS]]
