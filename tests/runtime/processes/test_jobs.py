"""Jobs, with real processes: each ends once, and none is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.processes import Jobs, interruptible
from support.tagged import eventually, tagged

ROOT = Path(__file__).parents[3]
SLEEPER = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("up", flush=True)
time.sleep(600)
"""
PARENT = """
import sys, time
from pathlib import Path
from fedqmix.runtime.processes import Jobs
log, code = Path(sys.argv[1]), sys.argv[2]
with Jobs() as jobs:
    jobs.start("one", [sys.executable, "-c", code], log, {})
    while "up" not in log.read_text():
        time.sleep(0.02)
    print("up", flush=True)
    time.sleep(600)
"""


def test_each_is_told_of_once_when_it_has_ended(tmp_path: Path, tag: str) -> None:
    with Jobs() as jobs:
        for status in (0, 3):
            jobs.start(f"job {status}", [sys.executable, "-c", f"raise SystemExit({status})"], tmp_path / "log", {})
        jobs.start("shot", [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], tmp_path / "log", {})
        jobs.start("long", [sys.executable, "-c", "import time; time.sleep(600)"], tmp_path / "log", {})
        statuses: dict[str, int] = {}
        assert eventually(lambda: statuses.update(jobs.ended()) or len(jobs) == 1)
        assert statuses == {"job 0": 0, "job 3": 3, "shot": -9}
        assert jobs.ended() == {}


def test_what_is_said_goes_to_the_log_and_the_environment_is_added_to(tmp_path: Path, tag: str) -> None:
    log = tmp_path / "deep" / "log"
    words = [sys.executable, "-c", "import os; print(os.environ['WHO'], 'PATH' in os.environ)"]
    with Jobs() as jobs:
        for who in ("me", "you"):
            jobs.start("one", words, log, {"WHO": who})
            assert eventually(lambda: jobs.ended() == {"one": 0})
    assert log.read_text() == "me True\nyou True\n"


def test_who_ignores_being_asked_is_killed_with_what_it_has_started(tmp_path: Path, tag: str) -> None:
    log = tmp_path / "log"
    with Jobs() as jobs:
        jobs.start("deaf", [sys.executable, "-c", SLEEPER], log, {})
        assert eventually(lambda: "up" in log.read_text())
        jobs.stop(grace=0.2)
        assert not tagged(tag)


def test_a_program_that_is_not_there(tmp_path: Path, tag: str) -> None:
    with Jobs() as jobs, pytest.raises(FederationError, match="'no-such-program' cannot be started: No such file"):
        jobs.start("one", ["no-such-program"], tmp_path / "log", {})


def test_a_killed_parent_takes_all_with_it(tmp_path: Path, tag: str) -> None:
    words = [sys.executable, "-c", PARENT, str(tmp_path / "log"), SLEEPER]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        assert len(tagged(tag)) == 4  # the parent, its guard, the job, the job's helper
        parent.kill()
        parent.wait(30)
    assert eventually(lambda: not tagged(tag))


def test_a_signal_that_is_to_be_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
