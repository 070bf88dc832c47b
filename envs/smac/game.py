"""One game process, seen from the world: asked, waited for until a deadline, and killed when it does not answer."""

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
"""A game that is being started may take so long until its first battle begins."""
TOLD, TOLD_LINES = 600, 5
"""Characters and lines at the end of what a process has said, which are told when it fails."""
PATIENCE = 5.0  # seconds for a process that was asked to end


class BrokenGameError(Exception):
    """A game process has died, does not answer, or says that its game broke down."""


class Game:
    """A process that plays one battle after another."""

    def __init__(self, job: m.Job, program: Sequence[str] = WORKER) -> None:
        """Start it, in a process group of its own. program: what is started, to be followed by its arguments."""
        self.seconds = job.env.call_seconds
        with ExitStack() as closing:
            self._log = closing.enter_context(tempfile.TemporaryFile())
            self._closing = closing.pop_all()
        self._pipe, its_pipe = Pipe()
        its_parent_pipe, parent_pipe = os.pipe()
        self._closing.callback(os.close, parent_pipe)
        self._closing.enter_context(self._pipe)
        try:
            self._process = subprocess.Popen(
                [*program, str(its_pipe.fileno()), str(its_parent_pipe), job.written()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
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
        """The process's number, which is also its group's."""
        return self._process.pid

    def ask(self, what: str, arrays: m.Arrays | None = None) -> None:
        """Ask for something; the answer is fetched with `answer`. A dead process is noticed there.

        The answer to what was asked before is forgotten, if nobody has fetched it.
        """
        seconds = self.seconds if self._launched else LAUNCH_SECONDS
        self._deadline = time.monotonic() + seconds
        self._asked += 1
        try:
            m.send(self._pipe, {m.ASK: what, m.NUMBER: self._asked}, arrays)
        except OSError:
            return

    def answer(self) -> tuple[m.Facts, m.Arrays]:
        """Wait for the answer. Raises BrokenGameError when there is none."""
        while True:
            if not wait([self._pipe], max(self._deadline - time.monotonic(), 0.0)):
                raise BrokenGameError(f"it did not answer within {self.seconds:.0f} s")
            try:
                facts, arrays = m.receive(self._pipe)
            except (EOFError, OSError) as error:
                raise BrokenGameError(f"its process died{self._last_words()}") from error
            if m.FAILED in facts:
                raise BrokenGameError(f"{facts[m.FAILED]}{self._last_words()}")
            self._launched = True
            if facts.pop(m.NUMBER) == self._asked:
                return facts, arrays

    def dismiss(self) -> None:
        """Let the process end with its game; `end` sees to it."""
        self._pipe.close()
        self._deadline = time.monotonic() + PATIENCE

    def end(self) -> None:
        """Wait for a dismissed process, and kill it and its game if that takes too long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(self._deadline - time.monotonic(), 0.0))
        self.kill()

    def kill(self) -> None:
        """Kill the process and its game at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._closing.close()

    def _last_words(self) -> str:
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(self._log.tell() - TOLD, 0))
        words = " | ".join(self._log.read().decode(errors="replace").split("\n")[-TOLD_LINES:]).strip(" |")
        return f"; it said last: {words}" if words else ""
