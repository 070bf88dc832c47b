"""The replays of a run: best.json.gz (best evaluation), round-000012.json.gz (checkpoints)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fedqmix.envs.replays import Replay, replay_bytes
from fedqmix.envs.replays.file import SUFFIX
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, Replayable
from fedqmix.runtime.runs.local.recording import Recorder
from fedqmix.runtime.storage.files import delete_temporaries, sync_folder, write_whole

if TYPE_CHECKING:  # `fedqmix watch` imports only names from here, without loading torch
    import torch

    from fedqmix.runtime.runs.local.team import LocalTeam

log = logging.getLogger(__name__)

REPLAYS = "replays"
"""The folder of a run folder."""
BEST = "best"


class RunReplays:
    """The recorders and replay files of one run.

    folder: RUN/replays, written with each checkpoint. checkpoints: RUN/checkpoints; a round's replay is kept as long
    as its checkpoint. A replay that cannot be written causes a warning; the run continues.
    """

    def __init__(
        self, folder: Path, checkpoints: Path, run: str, seed: int, team: LocalTeam, world: Replayable
    ) -> None:
        """world: the team's own."""
        self._folder, self._checkpoints = folder, checkpoints
        self._team = team
        self.evaluations = Recorder(run, team.spec.map, seed, world, team.reward_observer)
        self._shown = Recorder(run, team.spec.map, seed, world, team.reward_observer)

    def show(self, round_: int, arrays: Mapping[str, torch.Tensor]) -> Replay:
        """Play one episode that is not stored, with training's current exploration.

        arrays: the shared parameters at the beginning of the next round, by name. Returns the episode's replay.
        """
        self._shown.epsilon = self._team.agents.epsilon()
        self._team.play_with(arrays, EpisodeBatch(Purpose.REPLAY, round_, 1), self._shown.epsilon, self._shown)
        assert self._shown.last is not None
        return self._shown.last

    def keep_round(self, round_: int, replay: Replay) -> None:
        """Write the replay of the newest checkpoint; delete replays without a checkpoint."""
        self._write(f"round-{round_:06d}", round_, replay)
        try:
            for path in self._folder.glob(f"round-*{SUFFIX}"):
                if not (self._checkpoints / path.name.removesuffix(SUFFIX)).exists():
                    path.unlink()
        except OSError as error:
            log.warning("old replays could not be deleted: %s", error)

    def keep_best(self, round_: int) -> None:
        """Write the first episode of the last evaluation, replacing the previous best replay."""
        if self.evaluations.last is not None:
            self._write(BEST, round_, self.evaluations.last)

    def _write(self, name: str, round_: int, replay: Replay) -> None:
        occasion = replace(replay.occasion, round=round_, env_step=self._team.agents.env_steps)
        try:
            self._folder.mkdir(exist_ok=True)
            delete_temporaries(self._folder)
            write_whole(self._folder / f"{name}{SUFFIX}", replay_bytes(replace(replay, occasion=occasion)))
            sync_folder(self._folder)
        except OSError as error:
            log.warning("the replay %s could not be written: %s", name, error)
