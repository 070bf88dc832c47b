"""The World of env=smac: parallel games of StarCraft II."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import numpy as np

from fedqmix.envs.actions import refuse, require_shape
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.spec import spec_of
from fedqmix.envs.smac import messages as m
from fedqmix.envs.smac.game import WORKER, BrokenGameError, Game
from fedqmix.envs.smac.installation import game_version
from fedqmix.envs.smac.options import SmacOptions
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.world import (
    Bools,
    EpisodeBatch,
    Integers,
    Purpose,
    TeamSink,
    TeamSpec,
    TeamTimeStep,
    TimeStep,
    UnitRecord,
)

log = logging.getLogger(__name__)

NO_OP = 0
MOST_FAILURES = 3
"""The most battles in a row per game that may break down before the world raises WorldError."""


class SmacWorld:
    """A World of one map's battles, each in its own game process.

    It differs from the World contract in one point: the game draws all random numbers in sequence from its own seed, so
    an episode's number does not fix its battle.
    A game that breaks down or does not answer in time is started again with the next batch. Its battle is `broken` from
    that moment on.
    """

    def __init__(
        self, record: MapRecord, seed: int, env: SmacOptions, sink: TeamSink, program: Sequence[str] = WORKER
    ) -> None:
        """Build the world; no game starts yet. Arguments as for envs.make_world.

        program: the command line of a game process, before its arguments.
        """
        self._record, self._seed, self._env, self._sink = record, seed, env, sink
        self._program = program
        self._spec = spec_of(record, env)
        self._games: list[Game | None] = [None] * env.games
        self._started = 0
        self._failures = 0  # broken battles since the last complete one
        self._closed = False
        self._battles = EpisodeBatch(Purpose.TRAINING, 0, 0)

    @property
    def spec(self) -> TeamSpec:
        """The sizes of everything this world returns."""
        return self._spec

    @property
    def game(self) -> str:
        """StarCraft II with its installed version."""
        return game_version()

    @property
    def processes(self) -> list[int]:
        """Process ids of the running game processes."""
        return [game.pid for game in self._games if game is not None]

    def begin(self, battles: EpisodeBatch) -> TimeStep:
        """Begin a batch of battles, which replaces the last one; return the first TimeStep.

        Raises WorldError unless the batch has 1 to env.games battles, when too many battles in a row break down, and
        when the world is closed.
        """
        self._check_open()
        if not 1 <= battles.count <= self._env.games:
            raise WorldError(f"A batch has 1 to env.games={self._env.games} battles; asked for {battles.count}.")
        self._battles = battles
        self._allocate(battles.count)
        everywhere = range(battles.count)
        for battle in everywhere:
            self._game(battle).ask(m.BEGIN)
        self._collect(everywhere)
        self._sink.begin(battles, self._team)
        return self._time_step

    def step(self, actions: Integers) -> TimeStep:
        """Take one environment step in every battle.

        actions: [agents, battles] int64; those of battles that are over are ignored.
        Raises UnavailableActionError, before any unit moves, when an action's mask is False.
        Raises WorldError as `begin` does, and when the shape or type is wrong.
        """
        self._check_open()
        require_shape(actions, self._spec.n_agents, self._battles.count)
        time_step = self._time_step
        over = time_step.terminated | time_step.truncated
        self._check_available(actions, over)
        time_step.individual_rewards[:], self._team.team_reward[:] = 0, 0
        time_step.available_actions[:, over] = _no_op_alone(self._spec.n_actions)
        not_terminated = np.flatnonzero(~over).tolist()
        for battle in not_terminated:
            if (game := self._games[battle]) is not None:
                game.ask(m.STEP, {"actions": actions[:, battle]})
        self._collect(not_terminated)
        self._sink.record(self._team)
        return time_step

    def snapshot(self, battle: int) -> list[UnitRecord]:
        """List all units of one battle of the current batch, allies first, each side by index.

        The list is empty if the battle's game broke down. Raises WorldError when the batch has no such battle.
        """
        self._check_open()
        if not 0 <= battle < self._battles.count:
            raise WorldError(f"There is no battle {battle}: the batch has battles 0 to {self._battles.count - 1}.")
        game = self._games[battle]
        if game is None:
            return []
        game.ask(m.UNITS)
        try:
            return m.decode_units(self._answer(battle)[0])
        except BrokenGameError:  # the next environment step marks the battle as broken if it is not over
            self._release(battle)
            return []

    def close(self) -> None:
        """End all games. A closed world cannot be used again."""
        self._closed = True
        games = [game for game in self._games if game is not None]
        for game in games:
            game.dismiss()
        for game in games:
            game.end()
        self._games = []

    def _game(self, battle: int) -> Game:
        """Return a battle's game; start one if none is running."""
        game = self._games[battle]
        if game is None:
            number = seeds.key(self._seed, "starcraft", self._started) % 2**31
            game = Game(m.Job(self._record.name, int(number), self._env), self._program)
            self._games[battle], self._started = game, self._started + 1
        return game

    def _collect(self, battles: Iterable[int]) -> None:
        """Store the games' replies for some battles; mark a battle without a reply as broken."""
        for battle in battles:
            try:
                facts, arrays = self._answer(battle)
            except BrokenGameError as error:
                self._break_down(battle, error)
            else:
                self._store(battle, m.Sight.decode(facts, arrays))

    def _store(self, battle: int, sight: m.Sight) -> None:
        time_step, team = self._time_step, self._team
        time_step.observations[:, battle], time_step.available_actions[:, battle] = sight.observations, sight.available
        time_step.individual_rewards[:, battle] = sight.individual_rewards
        team.state[battle], team.team_reward[battle] = sight.state, sight.team_reward
        time_step.terminated[battle], time_step.truncated[battle], time_step.won[battle] = (
            sight.terminated,
            sight.truncated,
            sight.won,
        )
        if sight.terminated:
            time_step.available_actions[:, battle] = _no_op_alone(self._spec.n_actions)
        if sight.terminated or sight.truncated:
            self._failures = 0
            if self._battles.purpose is Purpose.REPLAY and self._env.replay_dir:
                self._save_replay(battle)

    def _save_replay(self, battle: int) -> None:
        game = self._games[battle]
        assert game is not None
        game.ask(m.REPLAY)
        try:
            game.answer()
        except BrokenGameError as error:  # the battle is complete and counts
            log.warning("No replay was saved: %s.", error)
            self._release(battle)

    def _break_down(self, battle: int, error: BrokenGameError) -> None:
        """Mark a battle as broken and release its game.

        Raises WorldError when more than MOST_FAILURES * env.games battles in a row break down.
        """
        self._release(battle)
        self._failures += 1
        episode = self._battles.first + battle
        log.warning("The game of %s battle %d broke down: %s.", self._battles.purpose, episode, error)
        failures = self._failures
        if failures > MOST_FAILURES * self._env.games:
            self._failures = 0  # the caller may continue once the cause is repaired
            raise WorldError(
                f"{failures} battles in a row broke down. The last game's error: {error}. "
                f"Check the installation with: fedqmix doctor map={self._record.name}"
            )
        time_step = self._time_step
        time_step.available_actions[:, battle] = _no_op_alone(self._spec.n_actions)
        time_step.individual_rewards[:, battle] = self._team.team_reward[battle] = 0
        time_step.terminated[battle] = time_step.broken[battle] = True
        time_step.truncated[battle] = time_step.won[battle] = False

    def _answer(self, battle: int) -> tuple[m.Facts, m.Arrays]:
        game = self._games[battle]
        if game is None:
            raise BrokenGameError("it is not running any more")
        return game.answer()

    def _release(self, battle: int) -> None:
        game, self._games[battle] = self._games[battle], None
        if game is not None:
            game.kill()

    def _allocate(self, count: int) -> None:
        spec = self._spec
        terminated, truncated, won, broken = np.zeros((4, count), np.bool_)
        exists = np.ones((spec.n_agents, count), np.bool_)
        self._time_step = TimeStep(
            np.zeros((spec.n_agents, count, spec.obs_dim), np.float32),
            np.zeros((spec.n_agents, count, spec.n_actions), np.bool_),
            np.zeros((spec.n_agents, count), np.float32),
            terminated,
            truncated,
            won,
            broken,
            exists,
        )
        state, team_reward = np.zeros((count, spec.state_dim), np.float32), np.zeros(count, np.float32)
        self._team = TeamTimeStep(state, team_reward, terminated, truncated, won, broken, exists)

    def _check_available(self, actions: Integers, over: Bools) -> None:
        available = self._time_step.available_actions
        known = (actions >= 0) & (actions < available.shape[2])
        allowed = known & np.take_along_axis(available, np.where(known, actions, 0)[..., None], 2)[..., 0]
        wrong = np.argwhere(~(allowed | over))
        if len(wrong):
            agent, battle = (int(index) for index in wrong[0])
            refuse(agent, battle, int(actions[agent, battle]), available[agent, battle])

    def _check_open(self) -> None:
        if self._closed:
            raise WorldError("This world is closed; make a new one.")


def _no_op_alone(n_actions: int) -> Bools:
    alone: Bools = np.arange(n_actions) == NO_OP
    return alone
