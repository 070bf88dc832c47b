"""No game outlives its owner, however that one dies.

The world starts a game process in a process group of its own and holds one end of a pipe, the lifeline. The game
process waits at the other end in a thread: once nobody holds the lifeline any more, it kills its group, and with it
the game. On Linux the game is also killed by the system when the game process dies, of whatever (guarded_game.py).
"""

from __future__ import annotations

import os
import signal
from threading import Thread


def hold(parent_pipe: int) -> None:
    """Kill this process and its group once nobody holds the lifeline any more. lifeline: its reading end."""
    Thread(target=_wait, args=(parent_pipe,), name="lifeline", daemon=True).start()


def _wait(parent_pipe: int) -> None:
    os.read(parent_pipe, 1)  # nobody ever writes: it returns when the last writing end is closed
    os.killpg(0, signal.SIGKILL)
