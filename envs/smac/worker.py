"""The game process: plays one game of StarCraft II through SMAC, by requests over a pipe.

The game needs its own process: pysc2 blocks the calling thread, a broken game must not end the team, and the world may
have to kill it.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

import numpy as np

from fedqmix.envs.smac import messages as m
from fedqmix.envs.smac.battle import EpisodeBatch, SmacBattles
from fedqmix.envs.smac.packages import smac_on_path
from fedqmix.envs.smac.parent_pipe import hold


def serve(make: Callable[[m.Job], EpisodeBatch], arguments: list[str]) -> None:
    """Reply to requests until the world closes the pipe or the game breaks down.

    make: sets up the battles of a job. arguments: the descriptors of the pipe and the parent pipe, and the job.
    """
    hold(int(arguments[1]))
    signal.signal(signal.SIGTERM, _leave)
    with Connection(int(arguments[0])) as pipe, ExitStack() as closing:
        try:
            battles = make(m.Job.from_json(arguments[2]))
            closing.callback(battles.close)
            while True:
                request, arrays = m.receive(pipe)
                facts, answered = _answer(battles, request, arrays)
                m.send(pipe, facts | {m.NUMBER: request[m.NUMBER]}, answered)
        except (EOFError, BrokenPipeError):
            return  # the world has closed the pipe
        except Exception as error:  # any error: the world reports it and starts another process
            m.send(pipe, {m.FAILED: _reason(error)})


def _answer(battles: EpisodeBatch, facts: m.Facts, arrays: m.Arrays) -> tuple[m.Facts, m.Arrays]:
    asked = facts[m.ASK]
    if asked == m.BEGIN:
        return battles.begin().encode()
    if asked == m.STEP:
        return battles.step(arrays["actions"].astype(np.int64)).encode()
    if asked == m.UNITS:
        return m.encode_units(battles.units()), {}
    battles.save_replay()
    return {}, {}


def _reason(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def smac_battles(job: m.Job) -> EpisodeBatch:
    """Set up SMAC; the game starts with the first battle."""
    smac_on_path()
    import_module("fedqmix.envs.smac.guarded_game")  # imported here: only game processes need pysc2
    return SmacBattles(job)


if __name__ == "__main__":
    serve(smac_battles, sys.argv[1:])
