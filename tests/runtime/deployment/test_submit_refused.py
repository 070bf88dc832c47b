"""Submissions to a real SuperLink by somebody who holds a valid certificate, and what its operator does not allow."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fedqmix.runtime.deployment.submission import RunState, State, SuperLink
from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.processes import Service, Supervisor, answers, free_ports
from fedqmix.runtime.storage.private import readable
from fedqmix.runtime.transport.identity import Identity
from support.paths import python_path
from support.tagged import TAG, eventually, new_tag, tagged

ROOT = Path(__file__).parents[3]
TRACE = """
from pathlib import Path
Path(__file__).with_suffix(".imported").touch()
from fedqmix.strategies.a_pps import AveragePPS
class Mine(AveragePPS):
    pass
"""


@dataclass
class Link:
    """A SuperLink that knows three SuperNodes, of which none is up; modules that leave a file when imported."""

    folder: Path
    address: str
    link: SuperLink

    def submitted(self, *attacks: list[str]) -> list[RunState]:
        """Submit all at once; return how each has ended."""
        runs = [self.link.start(words) for words in attacks]
        ends = [RunState(State.GOING_ON)] * len(runs)

        def ended() -> bool:
            ends[:] = [self.link.state(run) for run in runs]
            return all(end.state is not State.GOING_ON for end in ends)

        assert eventually(ended, 200)
        return ends

    def contents(self) -> list[Path]:
        """What is in the folders around, but for the SuperLink's own state."""
        own = ("link", "tmp")
        return sorted(path for path in self.folder.rglob("*") if path.relative_to(self.folder).parts[0] not in own)


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    """Started once; it lies in a folder in a folder, so that there is something to climb out of."""
    folder = tmp_path_factory.mktemp("outer") / "inner"
    for name in ("certs", "outside", "modules", "allowed", "tmp"):
        (folder / name).mkdir(parents=True)
    make_certificates(folder / "certs", 3)
    for name in ("modules/leaves_a_trace.py", "allowed/permitted.py"):
        (folder / name).write_text(TRACE)
    runs = folder / "runs"
    runs.mkdir()
    (runs / "link").symlink_to(folder / "outside")
    (port,) = free_ports(1)
    place = f"127.0.0.1:{port}"
    words = ["superlink", f"certs={folder}/certs/superlink", f"listen={place}", f"runs={runs}", f"state={folder}/link"]
    words += ["world=127.0.0.1:1", "mixer=127.0.0.1:2", f"allow={folder}/allowed/permitted.py"]
    environment = {
        TAG: (tag := new_tag()),
        "PYTHONPATH": python_path(folder / "modules"),
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.05",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "fedqmix", *words]
    service = Service("superlink", command, folder / "tmp" / "log", lambda: answers(place), environment)
    with Supervisor(print) as supervisor, SuperLink(place, Identity(folder / "certs" / "submit")) as control:
        supervisor.start([service], 120)
        yield Link(folder, place, control)
    assert not tagged(tag)


def test_paths_and_code_that_are_not_allowed_are_refused_by_the_server(link: Link) -> None:
    """What `fedqmix submit` would refuse itself is sent by the same call that it makes.

    All other attacks: tests/conf/test_submitted.py.
    """
    before = link.contents()
    attacks = [[f"run_dir={link.folder}/outside/run"], ["strategy=own", "strategy.code=leaves_a_trace:Mine"]]
    ends = link.submitted(*attacks)
    for attack, end in zip(attacks, ends, strict=True):
        assert end.state is State.FAILED, (attack, end)
    assert "only a name under it is allowed" in ends[0].words
    assert "may only name code that the SuperLink's operator allows; allowed now: permitted." in ends[1].words
    assert link.contents() == before


@pytest.mark.slow
def test_a_map_that_is_too_large_is_refused_at_once_and_leaves_no_folder(link: Link) -> None:
    before, began = link.contents(), time.monotonic()
    words = ["submit", f"superlink={link.address}", f"certs={link.folder}/certs/submit", f"runs={link.folder}/runs"]
    done = subprocess.run(
        [sys.executable, "-m", "fedqmix", *words, "map=8m"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(f"refused after {time.monotonic() - began:.1f} s")
    assert done.returncode == 1
    assert "map=8m has 8 agents, and this federation has 3: the SuperLink knows no SuperNode of agent 3" in done.stderr
    assert link.contents() == before


@pytest.mark.slow
def test_allowed_code_runs_and_stop_ends_the_run(link: Link) -> None:
    """No agent ever comes; who has submitted it is gone, and another one ends it."""
    words = ["map=3m", "strategy=own", "strategy.code=permitted:Mine", "run_dir='runs/with code'"]
    run = link.link.start(words)
    assert eventually((link.folder / "allowed" / "permitted.imported").exists, 120)
    assert link.link.not_terminated() == {run: "runs/with code"}
    common = ["submit", f"superlink={link.address}", f"certs={link.folder}/certs/submit"]
    command = [sys.executable, "-m", "fedqmix", *common]
    for wanted, status, said in (
        ("nobody", 1, "nobody is not going on: runs/with code"),
        ("with code", 0, "ended: runs/with code. Go on with: fedqmix submit"),
        ("true", 0, "no run is going on"),
    ):
        done = subprocess.run([*command, f"stop={wanted}"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (status, "")
        assert said.replace("fedqmix", "python -m fedqmix") in done.stdout
    assert link.link.state(run).state is State.STOPPED
    folder = link.folder / "runs" / "with code"
    assert (folder / "config.yaml").exists()
    assert not list(readable(link.folder / "link"))
    assert (folder / "config.yaml").stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
