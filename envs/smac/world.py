"""The World of env=smac: parallel games of StarCraft II."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from fedqmix.envs.actions import refuse
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.spec import spec_of
from fedqmix.envs.smac import messages as m
from fedqmix.envs.smac.installation import game_version
from fedqmix.envs.smac.options import SmacOptions
from fedqmix.envs.workers.process import BrokenWorkerError, Worker
from fedqmix.envs.workers.world import WorkerWorld
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.world import Purpose, TeamSink, UnitRecord

log = logging.getLogger(__name__)

WORKER = (sys.executable, "-m", "fedqmix.envs.smac.worker")


class SmacWorld(WorkerWorld):
    """A World of one map's battles, each in its own game process.

    It differs from the World contract in one point: the game draws all random numbers in sequence from its own seed, so
    an episode's number does not fix its battle.
    """

    def __init__(
        self, record: MapRecord, seed: int, env: SmacOptions, sink: TeamSink, program: Sequence[str] = WORKER
    ) -> None:
        """Build the world; no game starts yet. Arguments as for envs.make_world.

        program: the command line of a game process, before its arguments.
        """
        super().__init__(spec_of(record, env), env.games, sink, refuse)
        self._record, self._seed, self._env, self._program = record, seed, env, program

    @property
    def game(self) -> str:
        """StarCraft II with its installed version."""
        return game_version()

    def snapshot(self, battle: int) -> list[UnitRecord]:
        """List all units of one battle of the current batch, allies first, each side by index.

        The list is empty if the battle's game broke down. Raises WorldError when the batch has no such battle.
        """
        self._check_open()
        if not 0 <= battle < self._batch.count:
            raise WorldError(f"There is no battle {battle}: the batch has battles 0 to {self._batch.count - 1}.")
        game = self._workers[battle]
        if game is None:
            return []
        game.ask(m.UNITS)
        try:
            return m.decode_units(self._answer(battle)[0])
        except BrokenWorkerError:  # the next environment step marks the battle as broken if it is not over
            self._release(battle)
            return []

    def _start(self, number: int) -> Worker:
        seed = int(seeds.key(self._seed, "starcraft", number) % 2**31)
        return Worker(self._program, m.Job(self._record.name, seed, self._env).to_json(), self._env.call_seconds)

    def _advice(self) -> str:
        return f"Check the installation with: fedqmix doctor map={self._record.name}"

    def _ended(self, battle: int) -> None:
        if self._batch.purpose is Purpose.REPLAY and self._env.replay_dir:
            self._save_replay(battle)

    def _save_replay(self, battle: int) -> None:
        game = self._workers[battle]
        assert game is not None
        game.ask(m.REPLAY)
        try:
            game.answer()
        except BrokenWorkerError as error:  # the battle is complete and counts
            log.warning("No replay was saved: %s.", error)
            self._release(battle)
