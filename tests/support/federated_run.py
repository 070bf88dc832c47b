"""A `fedqmix up` in a process of its own, its parties to be killed, and what it ends with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from support.paths import ROOT, SITES, python_path
from support.tagged import TAG, command_line, new_tag, tagged

LIARS = SITES / "lying_site"
PATH = python_path()


class FederatedRun:
    """One `fedqmix up`; use as a context manager, which leaves no process behind.

    lie: what an agent lies about (tests/support/sites/lying_site). site: a further folder of tests/support/sites, for
    all its processes.
    """

    def __init__(
        self,
        folder: Path,
        *words: str,
        program: Sequence[str] = ("-m", "fedqmix", "up"),
        lie: str | None = None,
        site: str | None = None,
    ) -> None:
        self.folder = folder
        self.tag = new_tag()
        lying = {} if lie is None else {"PYTHONPATH": f"{LIARS}{os.pathsep}{PATH}", "FEDQMIX_TEST_LIE": lie}
        path = PATH if site is None else python_path(SITES / site)
        self.process = subprocess.Popen(
            [sys.executable, *program, *words],
            cwd=ROOT,
            env={**os.environ, TAG: self.tag, "PYTHONPATH": path, **lying},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> "FederatedRun":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for process in self.everybody():
            process.kill()

    def everybody(self) -> list[psutil.Process]:
        """All processes this run has started and that are still there, itself left out."""
        return [process for process in tagged(self.tag) if process.pid != self.process.pid]

    def party(self, name: str) -> psutil.Process | None:
        """The process of world, mixer, superlink, agent-K or supernode-K; None while it is not there."""
        number = name.rpartition("-")[2]
        sign = {
            "agent": f"-m fedqmix agent id={number} ",
            "supernode": f"-m fedqmix supernode id={number} ",
        }.get(name.partition("-")[0], f"-m fedqmix {name} ")
        for process in self.everybody():
            line = command_line(process) + " "
            if sign in line and "superexec" not in line:
                return process
        return None

    def rounds(self) -> int:
        """Rounds that are over."""
        path = self.folder / "progress.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return max((int(json.loads(line).get("round", 0)) for line in lines), default=0)

    def wait_for_round(self, number: int, patience: float = 240) -> None:
        """Wait until a round is over."""
        deadline = time.monotonic() + patience
        while self.rounds() < number:
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)

    def wait_for_line(self, words: str) -> str:
        """Wait until a line with some words is printed; return everything printed so far, which `finish` leaves out."""
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if words in line:
                return said
        raise AssertionError(said + self.logs())

    def finish(self, patience: float = 280) -> str:
        """Wait for the end; return what was printed. It must have ended well, and alone."""
        said, _ = self.process.communicate(timeout=patience)
        assert self.process.returncode == 0, said + self.logs()
        assert not self.everybody()
        return said

    def logs(self) -> str:
        """The ends of all logs."""
        paths = sorted((self.folder / "logs").glob("*.log"))
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in paths)
