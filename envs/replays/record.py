"""The record of one episode from beginning to end, as read-only arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.replays.scenery import Scenery, require_fit
from fedqmix.runtime.core.scenes import Kind
from fedqmix.runtime.core.world import Bools, Integers

Reals = NDArray[np.float64]


class Result(StrEnum):
    """The result of an episode for the agents' team."""

    WON = "won"
    LOST = "lost"
    CUT_OFF = "cut off"
    """Truncated by the episode limit."""


@dataclass(frozen=True)
class Occasion:
    """The time and purpose of an episode.

    run: the run's name. purpose, episode, seed: fix the episode's random draws (runtime.core.world.EpisodeBatch).
    round, env_step: the progress of training. epsilon: each agent's probability of exploring.
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
    """The properties of a unit that are constant in an episode. Lengths in map cells."""

    side: str  # "ally" or "enemy"
    index: int  # agent id for allies, enemy id for enemies
    type: str
    radius: float
    health_max: float
    shield_max: float


@dataclass(frozen=True, eq=False)
class Replay:
    """One episode of `steps` environment steps, with the units at `steps` + 1 moments.

    Units are allies first. Arrays become read-only. A world that is not a battle has a scenery, and of units agents
    alone: their health is 1, their target -1.
    Raises ValueError when shapes or values are inconsistent.
    """

    map: str
    occasion: Occasion
    result: Result
    walkable: Bools  # [x, y] one flag per map cell; [0, 0] for particles
    units: tuple[Unit, ...]
    x: Reals  # [steps + 1, units] map cells, to the east
    y: Reals  # [steps + 1, units] map cells, to the north
    health: Reals  # [steps + 1, units], 0 when dead
    shield: Reals  # [steps + 1, units]
    energy_or_cooldown: Reals  # [steps + 1, units], see runtime.core.world.UnitRecord
    target: Integers  # [steps + 1, units] the unit attacked or healed in the environment step before; -1 for none
    actions: Integers  # [steps, agents]
    explored: Bools  # [steps, agents] True where the action was an exploration draw, not the greedy action
    q_values: Reals  # [steps, agents, n_actions], NaN where the action was not available
    individual_rewards: Reals  # [steps, agents]
    team_reward: Reals  # [steps]
    scenery: Scenery | None = None  # None for a battle

    def __post_init__(self) -> None:
        _check(self)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def kind(self) -> Kind:
        """What the episode looks like."""
        return Kind.BATTLE if self.scenery is None else self.scenery.scene.kind

    @property
    def n_agents(self) -> int:
        """Number of allied units, each an agent."""
        return sum(unit.side == "ally" for unit in self.units)

    @property
    def n_actions(self) -> int:
        """Number of actions of each agent."""
        return int(self.q_values.shape[2])

    @property
    def steps(self) -> int:
        """Number of environment steps."""
        return len(self.team_reward)

    @property
    def team_return(self) -> float:
        """Sum of the team reward over the episode."""
        return float(self.team_reward.sum())

    @property
    def available_actions(self) -> Bools:
        """Masks of the available actions: [steps, agents, n_actions]."""
        return ~np.isnan(self.q_values)


MOMENT_COLUMNS = ("x", "y", "health", "shield", "energy_or_cooldown", "target")
"""The columns [steps + 1, units] of a replay."""


def _check(replay: Replay) -> None:
    units, agents = len(replay.units), replay.n_agents
    if [unit.side for unit in replay.units] != ["ally"] * agents + ["enemy"] * (units - agents) or not agents:
        raise ValueError("units must be allies, at least one, then enemies")
    _check_ground(replay)
    if replay.team_reward.ndim != 1 or not replay.steps:
        raise ValueError("there must be at least one environment step")
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
    if replay.scenery is not None:
        require_fit(replay.scenery, units, replay.steps, replay.n_actions)


def _check_ground(replay: Replay) -> None:
    scenery = replay.scenery
    if replay.walkable.ndim != 2 or (scenery is None and not replay.walkable.size):
        raise ValueError("walkable must be a grid")
    if scenery is not None and (replay.walkable.shape != scenery.scene.size or replay.n_agents != len(replay.units)):
        raise ValueError("walkable must have the scene's size, and all units must be agents")
