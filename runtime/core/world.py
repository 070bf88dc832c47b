"""The World: a batch of parallel episodes, as the agents and the mixer's side observe it.

Agents receive `TimeStep`s. Only a `TeamSink` (the mixer's side) receives the global state and the team reward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core.spaces import Space

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


class Purpose(StrEnum):
    """The purpose of episodes; each has its own random draws."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    """Greedy episodes in which units begin at the map's positions."""
    VARIED_EVALUATION = "varied-evaluation"
    """Greedy episodes in which the units' initial positions are drawn around the map's."""
    REPLAY = "showing"
    """Episodes that are played for a viewer; they are not counted."""
    POLICY = "policy"
    """Episodes in which the whole team plays one agent's network, to measure it (strategy.reward=policy)."""
    IDENTITY = "identity"
    """Episodes of random actions, from which agents learn their identities (strategy.clusters=auto)."""


EVALUATIONS: Mapping[str, tuple[Purpose, ...]] = {
    "varied": (Purpose.VARIED_EVALUATION,),
    "fixed": (Purpose.EVALUATION,),
    "both": (Purpose.VARIED_EVALUATION, Purpose.EVALUATION),
}
"""evaluation.starts -> the purposes of an evaluation's episodes; the first one gives the run's score."""


class Score(StrEnum):
    """The figure by which the networks of a world are judged."""

    WIN_RATE = "win_rate"
    """The share of episodes won; the team return decides between equal ones."""
    RETURN = "return"
    """The mean team return, in worlds where nothing can be won."""


@dataclass(frozen=True)
class TeamSpec:
    """The sizes of networks, mixers and buffers, and what the numbers are.

    map: the task's name, such as SMAC's map; n_agents: the maximum number of agents in an episode; n_actions: their
    actions; observation: the space of one agent's observation; state: of the global state; episode_limit: environment
    steps after which an episode is truncated; side_by_side: the maximum number of episodes in a batch, None for any
    number; score: the figure by which networks are judged.
    """

    map: str
    n_agents: int
    n_actions: int
    observation: Space
    state: Space
    episode_limit: int
    side_by_side: int | None = None
    score: Score = Score.WIN_RATE

    @property
    def obs_dim(self) -> int:
        """Length of one agent's observation."""
        return self.observation.dim

    @property
    def state_dim(self) -> int:
        """Length of the global state."""
        return self.state.dim


@dataclass(frozen=True)
class EpisodeBatch:
    """A batch of episodes to play in parallel: the numbers first, first + 1, ..., first + count - 1.

    Episodes are numbered within a purpose over the whole run. The number and the seed determine every random draw, so
    an episode is the same at any batch size (but not in StarCraft II: docs/starcraft.md).
    series: the first episode of a series of several batches; None when this batch is the whole series.
    """

    purpose: Purpose
    first: int
    count: int
    series: int | None = None


class TimeStep(NamedTuple):
    """The agents' view after an environment step of every episode (or at its beginning).

    The caller may read the arrays until the next call of the same world, which may overwrite them.
    An ended episode stays in the batch: its agents have only the no-op, its rewards are 0, its flags stay. (When an
    episode is truncated, the masks are those of its last moment, from which learning bootstraps.)
    An agent that does not exist in an episode observes zeros, has only the no-op and earns 0.
    """

    observations: Floats  # [agents, episodes, obs_dim], in SMAC's worlds its own scaling, mostly -1..1
    available_actions: Bools  # [agents, episodes, n_actions], at least one True in every row
    individual_rewards: Floats  # [agents, episodes], of this environment step; 0 at the beginning
    terminated: Bools  # [episodes], ended by the rules: in a battle won, lost or both teams dead
    truncated: Bools  # [episodes], ended by the episode limit
    won: Bools  # [episodes], True from the environment step that won; False where nothing can be won
    broken: Bools  # [episodes], terminated because its game broke down: it is not counted and is played again
    exists: Bools  # [agents, episodes], the agents of each episode, from its beginning to its end


class TeamTimeStep(NamedTuple):
    """The mixer side's view after an environment step of every episode (or at its beginning)."""

    state: Floats  # [episodes, state_dim]
    team_reward: Floats  # [episodes], of this environment step; 0 at the beginning and after the episode's end
    terminated: Bools  # [episodes]
    truncated: Bools  # [episodes]
    won: Bools  # [episodes]
    broken: Bools  # [episodes]
    exists: Bools  # [agents, episodes]


class TeamSink(Protocol):
    """The receiver of the data that a world gives only to the mixer's side."""

    def begin(self, batch: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Begin a new batch of episodes with its first state."""

    def record(self, time_step: TeamTimeStep) -> None:
        """Record the outcome of one environment step of every episode in the current batch."""


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """One unit of one episode, for replays, tests and comparisons.

    The agents of a world that is not a battle have the defaults: whole, and without shield, weapon or target.
    """

    side: str  # "ally" or "enemy"
    index: int  # agent id for allies, enemy id for enemies
    type: str  # "marine", ...
    x: float  # map cells
    y: float
    health: float = 1.0  # 0 when dead
    shield: float = 0.0
    energy_or_cooldown: float = 0.0  # energy for medivacs, else game loops until the weapon is ready
    last_action: int = 0  # the agent's last action, 0 (no-op) for enemies and before the first environment step
    health_max: float = 1.0
    shield_max: float = 0.0  # 0 for units without a shield
    radius: float = 0.4  # map cells
    target: int = (
        -1
    )  # the unit attacked or healed in the last environment step: index over allies, then enemies; -1: none


class World(Protocol):
    """A batch of parallel episodes."""

    @property
    def spec(self) -> TeamSpec:
        """The sizes of the arrays that this world returns."""

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        """Begin a batch of episodes and return its first time step; the previous batch is discarded."""

    def step(self, actions: Integers) -> TimeStep:
        """Take one environment step in every episode.

        actions: [agents, episodes] int64; the actions of ended episodes are ignored.
        Raises UnavailableActionError when an action's mask is False; it names agent, episode and action.
        """

    def close(self) -> None:
        """Release processes and threads. A closed world cannot be used again."""


@runtime_checkable
class Replayable(Protocol):
    """A world whose units can be drawn: its episodes are recorded as replays."""

    def snapshot(self, episode: int) -> list[UnitRecord]:
        """Return all units of one episode of the current batch, allies first, each side by index."""


class LocalWorld(World, Protocol):
    """A World that plays its episodes itself, in contrast to a remote one."""

    @property
    def game(self) -> str:
        """The game, with its version where that matters, such as "StarCraft II 4.10.0 (build 75689)"."""
