"""The game process: plays one game of StarCraft II through SMAC, by requests over a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

import numpy as np

from fedqmix.envs.smac import messages as m
from fedqmix.envs.smac.battle import EpisodeBatch, SmacBattles
from fedqmix.envs.smac.packages import smac_on_path
from fedqmix.envs.workers.messages import BEGIN, STEP, Arrays, Facts
from fedqmix.envs.workers.serving import serve


class GamePlayer:
    """The replies of one game's battles. Implements envs.workers.serving.Player."""

    def __init__(self, battles: EpisodeBatch) -> None:
        self._battles = battles

    def answer(self, asked: str, facts: Facts, arrays: Arrays) -> tuple[Facts, Arrays]:
        """Answer BEGIN, STEP, UNITS or REPLAY."""
        if asked == BEGIN:
            return self._battles.begin().encode()
        if asked == STEP:
            return self._battles.step(arrays["actions"].astype(np.int64)).encode()
        if asked == m.UNITS:
            return m.encode_units(self._battles.units()), {}
        self._battles.save_replay()
        return {}, {}

    def close(self) -> None:
        """End the game."""
        self._battles.close()


def serve_battles(make: Callable[[m.Job], EpisodeBatch], arguments: list[str]) -> None:
    """Reply to requests until the world closes the pipe or the game breaks down.

    make: sets up the battles of a job. arguments: as for envs.workers.serving.serve.
    """
    serve(lambda job: GamePlayer(make(m.Job.from_json(job))), arguments)


def smac_battles(job: m.Job) -> EpisodeBatch:
    """Set up SMAC; the game starts with the first battle."""
    smac_on_path()
    import_module("fedqmix.envs.smac.guarded_game")  # imported here: only game processes need pysc2
    return SmacBattles(job)


if __name__ == "__main__":
    serve_battles(smac_battles, sys.argv[1:])
