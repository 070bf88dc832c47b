"""Batched episodes for Python programs: the worlds that teams train in, with arrays that the caller owns."""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple, Self

from fedqmix.conf.schema import Config
from fedqmix.envs import make_world as build_world
from fedqmix.envs.registry import SUITES
from fedqmix.envs.team_view import TeamView
from fedqmix.runtime.api.arguments import integers, require_shape, whole
from fedqmix.runtime.api.options import with_world
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError, InputError, WorldError
from fedqmix.runtime.core.world import (
    Bools,
    EpisodeBatch,
    Floats,
    Purpose,
    Replayable,
    TeamSpec,
    TimeStep,
    UnitRecord,
)


class WorldStep(NamedTuple):
    """Everything after an environment step of every episode, or at its beginning. The arrays are the caller's own.

    An ended episode stays in the batch: its agents have only the no-op, its rewards are 0, its flags stay.
    """

    observations: Floats  # [agents, episodes, obs_dim]
    available_actions: Bools  # [agents, episodes, n_actions], at least one True for every agent
    state: Floats  # [episodes, state_dim]; agents never see it
    team_reward: Floats  # [episodes], of this environment step; 0 at the beginning
    individual_rewards: Floats  # [agents, episodes], likewise
    terminated: Bools  # [episodes], won, lost or both teams dead
    truncated: Bools  # [episodes], ended by the episode limit
    won: Bools  # [episodes]
    broken: Bools  # [episodes], terminated because its game broke down (smac)
    exists: Bools  # [agents, episodes], the agents of each episode

    @property
    def ended(self) -> Bools:
        """[episodes], terminated or truncated."""
        return self.terminated | self.truncated


class BatchedWorld:
    """A batch of parallel episodes; `fedqmix.make_world` makes it. A context manager that closes it.

    episodes: their number. seed: fixes, with an episode's number, each of its random draws.
    """

    def __init__(self, config: Config, episodes: int) -> None:
        """config: map, seed, env and runtime.world_threads of it are used."""
        self.episodes, self.seed = episodes, config.seed
        self._sink = TeamView()
        self._world = build_world(config.map, config.seed, config.env, self._sink, config.runtime.world_threads)
        most = self._world.spec.side_by_side
        if most is not None and episodes > most:
            self._world.close()
            raise ConfigurationError(
                f"episodes={episodes}: this world plays at most {most} in parallel (games={most})."
            )
        self._next = 0
        self._last: WorldStep | None = None

    @property
    def spec(self) -> TeamSpec:
        """The sizes of all arrays."""
        return self._world.spec

    @property
    def game(self) -> str:
        """The game, with its version where that matters."""
        return self._world.game

    def reset(self, first_episode: int | None = None) -> WorldStep:
        """Begin a new batch of episodes.

        first_episode: the number of the first; by default the batches go on from 0. An episode of the same number is
        the same again, at any batch size (not in StarCraft II). Raises InputError for a number below 0.
        """
        first = self._next if first_episode is None else whole("first_episode", first_episode)
        self._next = first + self.episodes
        return self._copied(self._world.begin(EpisodeBatch(Purpose.TRAINING, first, self.episodes)))

    def step(self, actions: Any) -> WorldStep:
        """Take one environment step in every episode.

        actions: [agents, episodes], whole numbers; 0 for the agents of ended episodes.
        Raises InputError for another shape or type, UnavailableActionError for an action that a mask forbids,
        WorldError before the first reset and after the end of all episodes.
        """
        if self._last is None:
            raise WorldError("no episode was begun: call reset() before step().")
        if self._last.ended.all():
            raise WorldError("all episodes have ended: call reset() to begin others.")
        found = integers("actions", actions)
        require_shape("actions", found, ((self.spec.n_agents, self.episodes), "agents, episodes"))
        return self._copied(self._world.step(found))

    def snapshot(self, episode: int) -> list[UnitRecord]:
        """Return all units of one episode, allies first.

        Raises WorldError for an episode that is not in the batch, and where the world has no units.
        """
        if not isinstance(self._world, Replayable):
            raise WorldError(f"{self.spec.map} has no units to show.")
        return self._world.snapshot(whole("episode", episode))

    def close(self) -> None:
        """Release processes and threads. A closed world cannot be used again."""
        self._world.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _copied(self, time_step: TimeStep) -> WorldStep:
        team = self._sink.time_step
        own = time_step._asdict() | {"state": team.state, "team_reward": team.team_reward}
        self._last = WorldStep(**{name: own[name].copy() for name in WorldStep._fields})
        return self._last


def make_world(suite: str, map: str, *, episodes: int = 1, seed: int = 1, **env: Any) -> BatchedWorld:
    """Make a batch of parallel episodes.

    suite: "skirmish", "smac" (docs/starcraft.md) or another choice of env. map: one of its tasks, such as "2s3z".
    env: options of the world under their names in conf/env/, such as starts="varied".
    Raises ConfigurationError for an unknown suite, map or option and for a game that is not installed, InputError for
    a number that is not valid.
    """
    if suite not in SUITES:
        raise ConfigurationError(unknown("suite", str(suite), tuple(SUITES)))
    if not isinstance(map, str):
        raise InputError(f"map={map!r} is not a text.")
    code = [f"env.code={quoted(str(env['code']))}"] if "code" in env else []  # its sizes are those of the code
    config = compose([f"env={suite}", f"map={quoted(map)}", *code])
    return BatchedWorld(with_world(config, map, whole("seed", seed), env), whole("episodes", episodes, 1))
