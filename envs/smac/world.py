"""Games of StarCraft II side by side: the World of env=smac."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import numpy as np

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.actions import refuse, require_shape
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.layout import spec_of
from fedqmix.envs.smac import messages as m
from fedqmix.envs.smac.game import WORKER, BrokenGameError, Game
from fedqmix.envs.smac.installation import game_version
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
"""So many battles in a row may break down for each game before the world gives up."""


class SmacWorld:
    """Battles of one map, each in a game process of its own.

    Fits the World contract but for one thing: the game draws its random numbers from its own seed on and on, so an
    episode's number does not fix its battle. A game that breaks down or does not answer in time is started again with
    the next batch; its battle is `broken` from that moment on.
    """

    def __init__(
        self, record: MapRecord, seed: int, env: EnvConfig, sink: TeamSink, program: Sequence[str] = WORKER
    ) -> None:
        """See envs.make_world. program: what a game process is started with."""
        self._record, self._seed, self._env, self._sink = record, seed, env, sink
        self._program = program
        self._spec = spec_of(record, env)
        self._games: list[Game | None] = [None] * env.games
        self._started = 0
        self._failures = 0  # since the last battle that was played to its end
        self._closed = False
        self._battles = EpisodeBatch(Purpose.TRAINING, 0, 0)

    @property
    def spec(self) -> TeamSpec:
        """The sizes of everything this world returns."""
        return self._spec

    @property
    def game(self) -> str:
        """StarCraft II with the version that is installed."""
        return game_version()

    @property
    def processes(self) -> list[int]:
        """The numbers of the game processes that are there."""
        return [game.pid for game in self._games if game is not None]

    def begin(self, battles: EpisodeBatch) -> TimeStep:
        """Begin a batch of battles, forgetting the last one, and return the first turn.

        Raises WorldError when there is no battle to begin or more than env.games, when games break down again and
        again, or when the world is closed.
        """
        self._check_open()
        if not 1 <= battles.count <= self._env.games:
            raise WorldError(f"A batch has 1 to env.games={self._env.games} battles; asked for {battles.count}.")
        self._battles = battles
        self._allocate(battles.count)
        everywhere = range(battles.count)
        for battle in everywhere:
            self._game(battle).ask(m.BEGIN)
        self._hear(everywhere)
        self._sink.begin(battles, self._team)
        return self._turn

    def step(self, actions: Integers) -> TimeStep:
        """Let every battle take one environment step.

        actions: [agents, battles] int64; what is sent to battles that are over is not looked at.
        Raises UnavailableActionError, before anything moves, when an action's mask is False, and WorldError as
        `begin` does or when the shape or type is wrong.
        """
        self._check_open()
        require_shape(actions, self._spec.n_agents, self._battles.count)
        time_step = self._turn
        over = time_step.terminated | time_step.truncated
        self._check_available(actions, over)
        time_step.individual_rewards[:], self._team.team_reward[:] = 0, 0
        time_step.available_actions[:, over] = _no_op_alone(self._spec.n_actions)
        not_terminated = np.flatnonzero(~over).tolist()
        for battle in not_terminated:
            if (game := self._games[battle]) is not None:
                game.ask(m.STEP, {"actions": actions[:, battle]})
        self._hear(not_terminated)
        self._sink.record(self._team)
        return time_step

    def snapshot(self, battle: int) -> list[UnitRecord]:
        """List every unit of one battle of the current batch, allies first; nobody when its game broke down."""
        self._check_open()
        if not 0 <= battle < self._battles.count:
            raise WorldError(f"There is no battle {battle}: the batch has battles 0 to {self._battles.count - 1}.")
        game = self._games[battle]
        if game is None:
            return []
        game.ask(m.UNITS)
        try:
            return m.units_heard(self._answer(battle)[0])
        except BrokenGameError:  # a battle that goes on is marked as broken by the next step
            self._let_go(battle)
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
        """Return a battle's game, started if there is none."""
        game = self._games[battle]
        if game is None:
            number = seeds.key(self._seed, "starcraft", self._started) % 2**31
            game = Game(m.Job(self._record.name, int(number), self._env), self._program)
            self._games[battle], self._started = game, self._started + 1
        return game

    def _hear(self, battles: Iterable[int]) -> None:
        """Take down what the games of some battles say; one that says nothing has broken down."""
        for battle in battles:
            try:
                facts, arrays = self._answer(battle)
            except BrokenGameError as error:
                self._break_down(battle, error)
            else:
                self._take_down(battle, m.Sight.heard(facts, arrays))

    def _take_down(self, battle: int, sight: m.Sight) -> None:
        time_step, team = self._turn, self._team
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
        except BrokenGameError as error:  # the battle is over: it counts
            log.warning("No replay was saved: %s.", error)
            self._let_go(battle)

    def _break_down(self, battle: int, error: BrokenGameError) -> None:
        """Mark a battle as broken and let go of its game. Raises WorldError when that happens too often."""
        self._let_go(battle)
        self._failures += 1
        episode = self._battles.first + battle
        log.warning("The game of %s battle %d broke down: %s.", self._battles.purpose, episode, error)
        failures = self._failures
        if failures > MOST_FAILURES * self._env.games:
            self._failures = 0  # who mends the cause may go on
            raise WorldError(
                f"{failures} battles in a row broke down. Of the last one's game: {error}. "
                f"See what is missing with: fedqmix doctor map={self._record.name}"
            )
        time_step = self._turn
        time_step.available_actions[:, battle] = _no_op_alone(self._spec.n_actions)
        time_step.individual_rewards[:, battle] = self._team.team_reward[battle] = 0
        time_step.terminated[battle] = time_step.broken[battle] = True
        time_step.truncated[battle] = time_step.won[battle] = False

    def _answer(self, battle: int) -> tuple[m.Facts, m.Arrays]:
        game = self._games[battle]
        if game is None:
            raise BrokenGameError("it is not there any more")
        return game.answer()

    def _let_go(self, battle: int) -> None:
        game, self._games[battle] = self._games[battle], None
        if game is not None:
            game.kill()

    def _allocate(self, count: int) -> None:
        spec = self._spec
        flags = [np.zeros(count, np.bool_) for _ in range(4)]
        self._turn = TimeStep(
            np.zeros((spec.n_agents, count, spec.obs_dim), np.float32),
            np.zeros((spec.n_agents, count, spec.n_actions), np.bool_),
            np.zeros((spec.n_agents, count), np.float32),
            *flags,
        )
        self._team = TeamTimeStep(np.zeros((count, spec.state_dim), np.float32), np.zeros(count, np.float32), *flags)

    def _check_available(self, actions: Integers, over: Bools) -> None:
        available = self._turn.available_actions
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
