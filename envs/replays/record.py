"""One battle from beginning to end, as numbers that cannot be changed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core.world import Bools, Integers

Reals = NDArray[np.float64]


class Result(StrEnum):
    """How a battle ended, seen from the agents' side."""

    WON = "won"
    LOST = "lost"
    CUT_OFF = "cut off"
    """By the episode limit."""


@dataclass(frozen=True)
class Occasion:
    """When and why a battle was played.

    run: the run's name. purpose, episode, seed: fix the battle's random draws (runtime.core.world.Battles). round,
    env_step: how far training was. epsilon: each agent's chance to explore.
    """

    run: str
    purpose: str
    episode: int
    seed: int
    round: int
    env_step: int
    epsilon: float


@dataclass(frozen=True)
class Unit:
    """What stays the same of a unit for a whole battle. Lengths in map cells."""

    side: str  # "ally" or "enemy"
    index: int  # agent id for allies, enemy id for enemies
    type: str
    radius: float
    health_max: float
    shield_max: float


@dataclass(frozen=True, eq=False)
class Replay:
    """One battle: `steps` environment steps between `steps` + 1 moments, all units (allies first), all agents.

    Raises ValueError when shapes or numbers do not fit together. Arrays are made read-only.
    """

    map: str
    occasion: Occasion
    result: Result
    walkable: Bools  # [x, y] one flag per map cell
    units: tuple[Unit, ...]
    x: Reals  # [steps + 1, units] map cells, to the east
    y: Reals  # [steps + 1, units] map cells, to the north
    health: Reals  # [steps + 1, units], 0 when dead
    shield: Reals  # [steps + 1, units]
    energy_or_cooldown: Reals  # [steps + 1, units], see runtime.core.world.UnitRecord
    target: Integers  # [steps + 1, units] whom the unit attacked or healed in the step before; -1 nobody
    actions: Integers  # [steps, agents]
    explored: Bools  # [steps, agents] True where the action was drawn, not the one of the highest Q-value
    q_values: Reals  # [steps, agents, n_actions], NaN where the action was not available
    individual_rewards: Reals  # [steps, agents]
    team_reward: Reals  # [steps]

    def __post_init__(self) -> None:
        _check(self)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def n_agents(self) -> int:
        """Number of allied units, each an agent."""
        return sum(unit.side == "ally" for unit in self.units)

    @property
    def n_actions(self) -> int:
        """Length of every agent's list of actions."""
        return int(self.q_values.shape[2])

    @property
    def steps(self) -> int:
        """Environment steps the battle took."""
        return len(self.team_reward)

    @property
    def team_return(self) -> float:
        """The team reward of all steps."""
        return float(self.team_reward.sum())

    @property
    def available_actions(self) -> Bools:
        """[steps, agents, n_actions]."""
        return ~np.isnan(self.q_values)


MOMENT_COLUMNS = ("x", "y", "health", "shield", "energy_or_cooldown", "target")
"""The columns [steps + 1, units] of a replay."""


def _check(replay: Replay) -> None:
    units, agents = len(replay.units), replay.n_agents
    if [unit.side for unit in replay.units] != ["ally"] * agents + ["enemy"] * (units - agents) or not agents:
        raise ValueError("units must be allies, at least one, then enemies")
    if replay.walkable.ndim != 2 or not replay.walkable.size or replay.team_reward.ndim != 1 or not replay.steps:
        raise ValueError("walkable must be a grid, and there must be at least one step")
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(MOMENT_COLUMNS, (replay.steps + 1, units))
    shapes |= dict.fromkeys(("actions", "explored", "individual_rewards"), (replay.steps, agents))
    shapes["q_values"] = (replay.steps, agents, replay.q_values.shape[-1])
    for name, shape in shapes.items():
        found = getattr(replay, name).shape
        if found != shape:
            raise ValueError(f"{name} has shape {list(found)} where {list(shape)} is expected")
    for name in ("x", "y", "health", "shield", "energy_or_cooldown", "individual_rewards", "team_reward"):
        if not np.isfinite(getattr(replay, name)).all():
            raise ValueError(f"{name} is not finite everywhere")
    if np.isinf(replay.q_values).any():
        raise ValueError("q_values are infinite somewhere")
    if replay.target.min() < -1 or replay.target.max() >= units:
        raise ValueError(f"target must be -1 or one of {units} units")
    if replay.actions.min() < 0 or replay.actions.max() >= replay.n_actions:
        raise ValueError(f"actions must be from 0 to {replay.n_actions - 1}")
    if not np.take_along_axis(replay.available_actions, replay.actions[..., None], 2).all():
        raise ValueError("an action was chosen that has no Q-value: it was not available")
