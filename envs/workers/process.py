"""The world's handle of a worker process: requests, replies with a deadline, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

from fedqmix.envs.workers import messages as m
from fedqmix.runtime.core.errors import WorldError

LAUNCH_SECONDS = 300.0
"""The time limit from a process's start to its first reply, such as the beginning of its first episode."""
LOG_CHARACTERS, LOG_LINES = 600, 5
"""Most characters and lines of a failed process's last output that an error quotes."""
PATIENCE = 5.0  # seconds that a dismissed process has to end


class BrokenWorkerError(Exception):
    """A worker process has died, does not answer, or reports that its episode broke down."""


class Worker:
    """A process that plays one episode after another (envs.workers.serving)."""

    def __init__(self, program: Sequence[str], job: str, seconds: float) -> None:
        """Start the process in its own process group.

        program: the command line before the process's arguments. job: its last argument. seconds: the time limit of a
        reply after the first one.
        """
        self.seconds = seconds
        with ExitStack() as closing:
            self._output = closing.enter_context(tempfile.TemporaryFile())
            self._closing = closing.pop_all()
        self._pipe, its_pipe = Pipe()
        its_parent_pipe, parent_pipe = os.pipe()
        self._closing.callback(os.close, parent_pipe)
        self._closing.enter_context(self._pipe)
        try:
            self._process = subprocess.Popen(
                [*program, str(its_pipe.fileno()), str(its_parent_pipe), job],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=(its_pipe.fileno(), its_parent_pipe),
                process_group=0,
            )
        finally:
            its_pipe.close()
            os.close(its_parent_pipe)
        self._patience = LAUNCH_SECONDS
        self._deadline = time.monotonic() + self._patience
        self._launched = False
        self._asked = 0

    @property
    def pid(self) -> int:
        """The id of the process and of its group."""
        return self._process.pid

    def ask(self, what: str, arrays: m.Arrays | None = None, **facts: Any) -> None:
        """Send a request; `answer` returns the reply, and reports a dead process.

        what: BEGIN, STEP, or a request of the suite. An earlier reply that was not fetched is dropped.
        """
        self._patience = self.seconds if self._launched else LAUNCH_SECONDS
        self._deadline = time.monotonic() + self._patience
        self._asked += 1
        try:
            m.send(self._pipe, {**facts, m.ASK: what, m.NUMBER: self._asked}, arrays)
        except OSError:
            return

    def answer(self) -> tuple[m.Facts, m.Arrays]:
        """Wait for the reply to the last request.

        Raises BrokenWorkerError when none comes, and WorldError when the worker refuses the request.
        """
        while True:
            if not wait([self._pipe], max(self._deadline - time.monotonic(), 0.0)):
                raise BrokenWorkerError(f"it did not answer within {self._patience:.0f} s")
            try:
                facts, arrays = m.receive(self._pipe)
            except (EOFError, OSError) as error:
                raise BrokenWorkerError(f"its process died{self._last_output()}") from error
            if m.FAILED in facts:
                raise BrokenWorkerError(f"{facts[m.FAILED]}{self._last_output()}")
            self._launched = True
            if facts.pop(m.NUMBER) == self._asked:
                if m.REFUSED in facts:
                    raise WorldError(facts[m.REFUSED])
                return facts, arrays

    def dismiss(self) -> None:
        """Close the pipe, at which the process ends; `end` waits for it."""
        self._pipe.close()
        self._deadline = time.monotonic() + PATIENCE

    def end(self) -> None:
        """Wait for a dismissed process; after PATIENCE kill it and its group."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(self._deadline - time.monotonic(), 0.0))
        self.kill()

    def kill(self) -> None:
        """Kill the process and its group at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._closing.close()

    def _last_output(self) -> str:
        self._output.seek(0, os.SEEK_END)
        self._output.seek(max(self._output.tell() - LOG_CHARACTERS, 0))
        lines = " | ".join(self._output.read().decode(errors="replace").split("\n")[-LOG_LINES:]).strip(" |")
        return f"; its last output: {lines}" if lines else ""
