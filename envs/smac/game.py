"""The world's handle of a game process: requests, replies with a deadline, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait

from fedqmix.envs.smac import messages as m

WORKER = (sys.executable, "-m", "fedqmix.envs.smac.worker")
LAUNCH_SECONDS = 300.0
"""The time limit from a game's start to the beginning of its first battle."""
LOG_CHARACTERS, LOG_LINES = 600, 5
"""Most characters and lines of a failed process's last output that an error quotes."""
PATIENCE = 5.0  # seconds that a dismissed process has to end


class BrokenGameError(Exception):
    """A game process has died, does not answer, or reports that its game broke down."""


class Game:
    """A process that plays one battle after another."""

    def __init__(self, job: m.Job, program: Sequence[str] = WORKER) -> None:
        """Start the process in its own process group.

        program: the command line before the process's arguments.
        """
        self.seconds = job.env.call_seconds
        with ExitStack() as closing:
            self._output = closing.enter_context(tempfile.TemporaryFile())
            self._closing = closing.pop_all()
        self._pipe, its_pipe = Pipe()
        its_parent_pipe, parent_pipe = os.pipe()
        self._closing.callback(os.close, parent_pipe)
        self._closing.enter_context(self._pipe)
        try:
            self._process = subprocess.Popen(
                [*program, str(its_pipe.fileno()), str(its_parent_pipe), job.to_json()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=(its_pipe.fileno(), its_parent_pipe),
                process_group=0,
            )
        finally:
            its_pipe.close()
            os.close(its_parent_pipe)
        self._deadline = time.monotonic() + LAUNCH_SECONDS
        self._launched = False
        self._asked = 0

    @property
    def pid(self) -> int:
        """The id of the process and of its group."""
        return self._process.pid

    def ask(self, what: str, arrays: m.Arrays | None = None) -> None:
        """Send a request; `answer` returns the reply, and reports a dead process.

        what: BEGIN, STEP, UNITS or REPLAY of envs.smac.messages. An earlier reply that was not fetched is dropped.
        """
        seconds = self.seconds if self._launched else LAUNCH_SECONDS
        self._deadline = time.monotonic() + seconds
        self._asked += 1
        try:
            m.send(self._pipe, {m.ASK: what, m.NUMBER: self._asked}, arrays)
        except OSError:
            return

    def answer(self) -> tuple[m.Facts, m.Arrays]:
        """Wait for the reply to the last request. Raises BrokenGameError when none comes."""
        while True:
            if not wait([self._pipe], max(self._deadline - time.monotonic(), 0.0)):
                raise BrokenGameError(f"it did not answer within {self.seconds:.0f} s")
            try:
                facts, arrays = m.receive(self._pipe)
            except (EOFError, OSError) as error:
                raise BrokenGameError(f"its process died{self._last_output()}") from error
            if m.FAILED in facts:
                raise BrokenGameError(f"{facts[m.FAILED]}{self._last_output()}")
            self._launched = True
            if facts.pop(m.NUMBER) == self._asked:
                return facts, arrays

    def dismiss(self) -> None:
        """Close the pipe, at which the process ends with its game; `end` waits for it."""
        self._pipe.close()
        self._deadline = time.monotonic() + PATIENCE

    def end(self) -> None:
        """Wait for a dismissed process; after PATIENCE kill it and its game."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(self._deadline - time.monotonic(), 0.0))
        self.kill()

    def kill(self) -> None:
        """Kill the process and its game at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._closing.close()

    def _last_output(self) -> str:
        self._output.seek(0, os.SEEK_END)
        self._output.seek(max(self._output.tell() - LOG_CHARACTERS, 0))
        lines = " | ".join(self._output.read().decode(errors="replace").split("\n")[-LOG_LINES:]).strip(" |")
        return f"; its last output: {lines}" if lines else ""
