"""The parent pipe, which ends a worker process together with the process that owns it.

The world starts a worker in its own process group and holds the writing end of a pipe. A thread of the worker reads the
other end. Once every writing end is closed, this thread kills the group, and with it what the worker has started.
On Linux the system also kills a game of StarCraft II when its worker dies for any reason (envs/smac/guarded_game.py).
"""

from __future__ import annotations

import os
import signal
from threading import Thread


def hold(parent_pipe: int) -> None:
    """Kill this process and its group once the pipe's writing ends are closed.

    parent_pipe: descriptor of the reading end.
    """
    Thread(target=_wait, args=(parent_pipe,), name="parent pipe", daemon=True).start()


def _wait(parent_pipe: int) -> None:
    os.read(parent_pipe, 1)  # no process writes: the call returns when the last writing end is closed
    os.killpg(0, signal.SIGKILL)
