"""The game process: one game of StarCraft II, and SMAC in front of it, at the end of a pipe.

It is a process of its own because pysc2 waits for the game in the calling thread, because a broken game must not take
the team with it, and because it may have to be killed.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import FrameType

import numpy as np

from envs.smac import messages as m
from envs.smac.battle import Battles, SmacBattles
from envs.smac.lifeline import guard_games, hold
from envs.smac.packages import smac_on_path


def serve(make: Callable[[m.Job], Battles], arguments: list[str]) -> None:
    """Play what is asked for until nobody asks any more or the game breaks down.

    arguments: the pipe's descriptor, the lifeline's, and the job.
    """
    hold(int(arguments[1]))
    signal.signal(signal.SIGTERM, _leave)
    pipe = Connection(int(arguments[0]))
    try:
        battles = make(m.Job.read(arguments[2]))
    except Exception as error:
        m.send(pipe, {m.FAILED: _reason(error)})
        raise
    try:
        while True:
            facts, arrays = m.receive(pipe)
            m.send(pipe, *_answer(battles, facts, arrays))
    except (EOFError, ConnectionError):
        pass  # nobody asks any more
    except Exception as error:  # whatever it is: the world tells it, and starts another process
        m.send(pipe, {m.FAILED: _reason(error)})
        raise
    finally:
        battles.close()


def _answer(battles: Battles, facts: m.Facts, arrays: m.Arrays) -> tuple[m.Facts, m.Arrays]:
    asked = facts["ask"]
    if asked == m.BEGIN:
        return battles.begin().say()
    if asked == m.STEP:
        return battles.step(arrays["actions"].astype(np.int64)).say()
    if asked == m.UNITS:
        return m.units_said(battles.units()), {}
    battles.save_replay()
    return {}, {}


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def smac_battles(job: m.Job) -> Battles:
    """Set up SMAC; the game starts with the first battle."""
    smac_on_path()
    guard_games()
    return SmacBattles(job)


if __name__ == "__main__":
    serve(smac_battles, sys.argv[1:])
