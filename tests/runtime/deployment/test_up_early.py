"""`fedqmix up` that is ended before its first round, or by a full disk: what it advises is what works."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.federated_run import FederatedRun

WORDS = ["map=2s_vs_1sc", "experiment=smoke", "seed=5"]
MOMENTS = {
    "services": "logs/supernode-1.log",  # SuperNodes are started; nothing was submitted
    "folder": "run.json",  # the ServerApp has made the folder
}


def ended(folder: Path, moment: str, how: signal.Signals) -> str:
    """Begin a run, and end it at a moment before its first round; return what was printed."""
    quoted = f"run_dir='{folder}'"
    with FederatedRun(folder, *WORDS, "stop.rounds=1", quoted) as run:
        while not (folder / MOMENTS[moment]).exists():
            assert run.process.poll() is None, run.process.communicate()[0]
            time.sleep(0.01)
        run.process.send_signal(how)
        said, _ = run.process.communicate(timeout=60)
    assert run.rounds() == 0
    return said


def goes_on(command: list[str], folder: Path) -> None:
    with FederatedRun(folder, *command) as run:
        run.finish()
    assert run.rounds() == 1
    assert json.loads((folder / "summary.json").read_text())["outcome"] == "finished"


def advised(said: str) -> list[str]:
    """Return the words after `up` of the command that was printed."""
    found = re.search(r"Go on with: (.*)", said)
    assert found is not None, said
    words = shlex.split(found[1])
    return words[words.index("up") + 1 :]


@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["services", "folder"])
def test_ctrl_c_before_the_first_round_prints_a_command_that_works(moment: str, tmp_path: Path) -> None:
    folder = tmp_path / "my run"
    goes_on(advised(ended(folder, moment, signal.SIGINT)), folder)


@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["services", "folder"])
def test_after_a_kill_before_the_first_round_it_goes_on(moment: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ended(folder, moment, signal.SIGKILL)
    if moment == "services":
        up = [sys.executable, "-m", "fedqmix", "up", f"resume={folder}"]
        refused = subprocess.run(up, capture_output=True, text=True, check=False)
        assert refused.returncode == 2
        assert f"Start it again with the same words and run_dir={folder}" in refused.stderr
        goes_on([*WORDS, "stop.rounds=1", f"run_dir={folder}"], folder)
    else:
        goes_on([f"resume={folder}"], folder)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("service", "party"), [("agent-1", "agent 1"), ("mixer", "the mixer")])
def test_a_party_whose_disk_is_full_is_named_and_the_advice_works(service: str, party: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    program = ["-m", "support.small_disks", service, "180"]
    words = [*WORDS, "stop.env_steps=100000", f"run_dir={folder}"]
    with FederatedRun(folder, *words, program=program) as run:
        said, _ = run.process.communicate(timeout=280)
    assert run.process.returncode == 1, said
    assert f"error: {party} could not write {folder}/state/{service}/" in said
    assert "make room" in said
    assert "train resume" not in said
    whole = re.search(r"resume=RUN/(checkpoints/round-(\d+))", said)
    assert whole is not None
    for resume in (advised(said), [f"resume={folder}/{whole[1]}"]):
        rounds = run.rounds()
        with FederatedRun(folder, *resume, f"stop.rounds={rounds + 1}") as again:
            again.finish()
        assert again.rounds() == rounds + 1
