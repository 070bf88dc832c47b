"""The loop of a worker process: it plays one episode after another, by requests over a pipe.

The episodes need their own process: a library may block the calling thread, a crash must not end the team, and the
world may have to kill it.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Protocol

from fedqmix.envs.workers import messages as m
from fedqmix.envs.workers.parent_pipe import hold
from fedqmix.runtime.core.errors import FedqmixError, WorldError


class Player(Protocol):
    """The episodes that a worker process plays, one after another."""

    def answer(self, asked: str, facts: m.Facts, arrays: m.Arrays) -> tuple[m.Facts, m.Arrays]:
        """Answer a request. asked: BEGIN, STEP, or one of the suite's own.

        Raises WorldError for a request or a result that the rules do not allow, and any error when the episode breaks
        down.
        """

    def close(self) -> None:
        """Release what the episodes need."""


def serve(make: Callable[[str], Player], arguments: list[str], place: Callable[[Exception], str] | None = None) -> None:
    """Reply to requests until the world closes the pipe or an episode breaks down.

    make: sets up the player of a job. arguments: the descriptors of the pipe and the parent pipe, and the job.
    place: names the line that raised an error; by default the innermost one.
    """
    hold(int(arguments[1]))
    signal.signal(signal.SIGTERM, _leave)
    with Connection(int(arguments[0])) as pipe, ExitStack() as closing:
        try:
            player = make(arguments[2])
            closing.callback(player.close)
            while True:
                _reply(pipe, player)
        except (EOFError, BrokenPipeError):
            return  # the world has closed the pipe
        except Exception as error:  # any error: the world reports it and starts another process
            m.send(pipe, {m.FAILED: _reason(error, place or _innermost)})


def _reply(pipe: Connection, player: Player) -> None:
    request, arrays = m.receive(pipe)
    number = {m.NUMBER: request.pop(m.NUMBER)}
    try:
        facts, answered = player.answer(request.pop(m.ASK), request, arrays)
    except WorldError as error:
        m.send(pipe, {m.REFUSED: str(error)} | number)
    else:
        m.send(pipe, facts | number, answered)


def _reason(error: Exception, place: Callable[[Exception], str]) -> str:
    """Return an error's text, with its type and its line unless it says what is wrong itself."""
    if isinstance(error, FedqmixError):
        return str(error).removesuffix(".")
    return f"{type(error).__name__}: {error} ({place(error)})"


def _innermost(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(where.filename).name}, line {where.lineno}"


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
