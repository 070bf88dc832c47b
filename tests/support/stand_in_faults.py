"""Faults of the stand-in on purpose, as its environment orders them.

FEDQMIX_STAND_IN_COUNTER  a file that counts the games started with it, over all processes: the n-th is game n. Without
                          it every game is game 1.
FEDQMIX_STAND_IN_REFUSE   the games that end at once with exit status 1 instead of listening: "2", "1,3" or "*" for all
FEDQMIX_STAND_IN_CRASH    GAME:STEP, or several with commas: the game kills itself (SIGKILL) instead of answering its
                          STEP-th step request, of the first 1; "*:5" means every game
FEDQMIX_STAND_IN_HANG     the same, but it never answers that request and lives on
FEDQMIX_STAND_IN_FREEZE   the same, but the process stops (SIGSTOP), so that only SIGKILL ends it

Every step request counts, that of two loops with which SMAC begins the next battle, too.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Mapping

PREFIX = "FEDQMIX_STAND_IN_"
EVERY = "*"


class Faults:
    """What goes wrong in this process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Count this game, and read what is to go wrong in it. Raises ValueError for what cannot be read."""
        self.game = _count(environment.get(f"{PREFIX}COUNTER", ""))
        games = environment.get(f"{PREFIX}REFUSE", "")
        self._refuses = any(game in (EVERY, str(self.game)) for game in games.split(","))
        self._crash, self._hang, self._freeze = (
            _steps(environment.get(f"{PREFIX}{name}", ""), self.game) for name in ("CRASH", "HANG", "FREEZE")
        )
        self._step = 0

    def at_start(self) -> None:
        """End this process if it is to refuse."""
        if self._refuses:
            sys.exit(f"The stand-in refuses to start as game {self.game}, as {PREFIX}REFUSE says.")

    def before_step(self) -> None:
        """Count a step request, and let happen what is to happen instead of it."""
        self._step += 1
        if self._step in self._crash:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._step in self._freeze:
            os.kill(os.getpid(), signal.SIGSTOP)
        if self._step in self._hang | self._freeze:  # a process of several threads runs on for a moment after SIGSTOP
            threading.Event().wait()


def _steps(orders: str, game: int) -> set[int]:
    pairs = [order.split(":") for order in orders.split(",") if order]
    return {int(step) for number, step in pairs if number in (EVERY, str(game))}


def _count(path: str) -> int:
    """Add one to the number in a file and return it, 1 without a file."""
    if not path:
        return 1
    with open(path, "a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        number = int(file.read() or 0) + 1
        file.truncate(0)
        file.write(str(number))
    return number
