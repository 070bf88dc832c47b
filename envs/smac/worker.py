"""The game process: one game of StarCraft II, and SMAC in front of it, at the end of a pipe.

It is a process of its own because pysc2 waits for the game in the calling thread, because a broken game must not take
the team with it, and because it may have to be killed.
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
    """Play what is asked for until nobody asks any more or the game breaks down.

    arguments: the pipe's descriptor, the lifeline's, and the job.
    """
    hold(int(arguments[1]))
    signal.signal(signal.SIGTERM, _leave)
    with Connection(int(arguments[0])) as pipe, ExitStack() as closing:
        try:
            battles = make(m.Job.read(arguments[2]))
            closing.callback(battles.close)
            while True:
                question, arrays = m.receive(pipe)
                facts, answered = _answer(battles, question, arrays)
                m.send(pipe, facts | {m.NUMBER: question[m.NUMBER]}, answered)
        except (EOFError, BrokenPipeError):
            return  # nobody asks any more
        except Exception as error:  # whatever it is: the world tells it, and starts another process
            m.send(pipe, {m.FAILED: _reason(error)})


def _answer(battles: EpisodeBatch, facts: m.Facts, arrays: m.Arrays) -> tuple[m.Facts, m.Arrays]:
    asked = facts[m.ASK]
    if asked == m.BEGIN:
        return battles.begin().say()
    if asked == m.STEP:
        return battles.step(arrays["actions"].astype(np.int64)).say()
    if asked == m.UNITS:
        return m.units_said(battles.units()), {}
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
    import_module("fedqmix.envs.smac.guarded_game")  # here, because only who plays has pysc2
    return SmacBattles(job)


if __name__ == "__main__":
    serve(smac_battles, sys.argv[1:])
