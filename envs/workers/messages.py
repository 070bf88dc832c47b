"""The messages between a world and a worker process over a pipe: JSON, then arrays as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from safetensors.numpy import load, save

Facts = dict[str, Any]
Arrays = dict[str, np.ndarray]

BEGIN, STEP = "begin", "step"
"""The requests to every worker: begin an episode, take an environment step. Suites have others beside them."""
ASK, NUMBER = "ask", "number"
"""The fields of a request; its reply has the same number."""
FAILED = "failed"
"""The field of an error reply: the reason for which the episode broke down. The process ends after it."""
REFUSED = "refused"
"""The field of a reply to a request that the world's rules do not allow. It would fail again if it were repeated."""
NO_REWARDS = np.zeros(0, np.float32)


@dataclass
class Sight:
    """The views and rewards of one episode after an environment step, or at its beginning."""

    observations: np.ndarray  # [agents, obs_dim] float32
    available: np.ndarray  # [agents, n_actions] bool, also when the episode is over
    state: np.ndarray  # [state_dim] float32
    team_reward: float = 0.0
    individual_rewards: np.ndarray = field(default_factory=lambda: NO_REWARDS)  # [agents]
    exists: np.ndarray | None = None  # [agents] bool, constant over an episode; None: all agents exist
    terminated: bool = False
    truncated: bool = False
    won: bool = False

    def encode(self) -> tuple[Facts, Arrays]:
        """Return the fields as facts and arrays."""
        facts = {name: getattr(self, name) for name in ("team_reward", "terminated", "truncated", "won")}
        names = ("observations", "available", "state", "individual_rewards", "exists")
        return facts, {name: getattr(self, name) for name in names if getattr(self, name) is not None}

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
