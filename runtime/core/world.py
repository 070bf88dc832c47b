"""The World: a batch of parallel battles, as the agents and the mixer's side see it.

Agents see `TimeStep`s. The global state and the team reward go to a `TeamSink` (the mixer's side) and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


class Purpose(StrEnum):
    """What battles are played for; each purpose has its own random draws."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    """Greedy battles that begin where the map puts the units."""
    VARIED_EVALUATION = "varied-evaluation"
    """Greedy battles in which the units' starting places are drawn around the map's."""
    REPLAY = "showing"
    """Battles that are played to be looked at; they count for nothing."""
    POLICY = "policy"
    """Measuring one agent's network played by the whole team (strategy.reward=policy)."""


EVALUATIONS: Mapping[str, tuple[Purpose, ...]] = {
    "varied": (Purpose.VARIED_EVALUATION,),
    "fixed": (Purpose.EVALUATION,),
    "both": (Purpose.VARIED_EVALUATION, Purpose.EVALUATION),
}
"""evaluation.starts -> the battles that an evaluation plays; the first kind judges the team."""


@dataclass(frozen=True)
class TeamSpec:
    """The sizes a network, a mixer and a buffer are built from.

    map: the map's name; n_agents, n_actions: counts; obs_dim, state_dim: length of one agent's observation and of
    the global state; episode_limit: environment steps after which a battle is cut off; side_by_side: the most battles
    of a batch, None for any number.
    """

    map: str
    n_agents: int
    n_actions: int
    obs_dim: int
    state_dim: int
    episode_limit: int
    side_by_side: int | None = None


@dataclass(frozen=True)
class EpisodeBatch:
    """A batch of battles to play side by side: the episodes first, first + 1, ..., first + count - 1.

    Episode numbers count up within a purpose over the whole run and, with the seed, fix every random draw of the
    battle: the same episode is the same battle at any batch size (but not in StarCraft II: docs/starcraft.md).
    series: the first episode of all that is played in one go, when that takes several batches; by default this batch
    is all.
    """

    purpose: Purpose
    first: int
    count: int
    series: int | None = None


class TimeStep(NamedTuple):
    """What the agents learn after a step of every battle (or at its beginning).

    The arrays are the caller's to read until the next call of the same world; they may be written over then.
    A battle that is over stays in the batch: its agents have only the no-op, its rewards are 0, its flags stay. (In the
    turn that cuts a battle off the masks are still those of its last moment, from which learning bootstraps.)
    """

    observations: Floats  # [agents, battles, obs_dim], SMAC's own scaling, mostly -1..1
    available_actions: Bools  # [agents, battles, n_actions], at least one True in every row
    individual_rewards: Floats  # [agents, battles], earned in this step; 0 at the beginning
    terminated: Bools  # [battles], won, lost or both teams dead
    truncated: Bools  # [battles], cut off by the episode limit
    won: Bools  # [battles], True from the step in which the last enemy died
    broken: Bools  # [battles], terminated because its game broke down: it counts for nothing and is played again


class TeamTimeStep(NamedTuple):
    """What the mixer's side learns after a step of every battle (or at its beginning)."""

    state: Floats  # [battles, state_dim]
    team_reward: Floats  # [battles], earned in this step; 0 at the beginning and after the battle's end
    terminated: Bools  # [battles]
    truncated: Bools  # [battles]
    won: Bools  # [battles]
    broken: Bools  # [battles]


class TeamSink(Protocol):
    """Where a world puts what only the mixer's side may see."""

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Take the first state of a new batch of battles."""

    def record(self, time_step: TeamTimeStep) -> None:
        """Take the outcome of one step of every battle of the batch begun last."""


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """One unit of one battle, as replays, tests and comparisons read it."""

    side: str  # "ally" or "enemy"
    index: int  # agent id for allies, enemy id for enemies
    type: str  # "marine", ...
    x: float  # map cells
    y: float
    health: float  # 0 when dead
    shield: float
    energy_or_cooldown: float  # energy for medivacs, else game loops until the weapon is ready
    last_action: int  # the agent's last action, 0 (no-op) for enemies and before the first step
    health_max: float
    shield_max: float  # 0 for units without a shield
    radius: float  # map cells
    target: int  # whom it attacked or healed in the last step, counted through allies, then enemies; -1 for nobody


class World(Protocol):
    """A batch of parallel battles."""

    @property
    def spec(self) -> TeamSpec:
        """The sizes of everything this world returns."""

    def begin(self, battles: EpisodeBatch) -> TimeStep:
        """Begin a batch of battles, forgetting the last one, and return the first turn."""

    def step(self, actions: Integers) -> TimeStep:
        """Let every battle take one environment step.

        actions: [agents, battles] int64; what is sent to battles that are over is not looked at.
        Raises UnavailableActionError when an action's mask is False, naming agent, battle and action.
        """

    def snapshot(self, battle: int) -> list[UnitRecord]:
        """List every unit of one battle of the current batch, allies first, each side by index."""

    def close(self) -> None:
        """Let go of processes and threads. A closed world cannot be used again."""


class LocalWorld(World, Protocol):
    """A World where its battles are played."""

    @property
    def game(self) -> str:
        """What plays the battles, with its version where that matters, as in "StarCraft II 4.10.0 (build 75689)"."""
