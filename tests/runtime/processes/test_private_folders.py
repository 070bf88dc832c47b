"""Private folders and guarded ones, with real processes: they are deleted however their owner ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fedqmix.runtime.core.errors import StorageError
from fedqmix.runtime.processes import Supervisor, free_ports
from support.listeners import code
from support.paths import ROOT
from support.tagged import command_line, eventually, tagged

KEEPING = """
import sys, time
from pathlib import Path
from fedqmix.runtime.processes import Service, Supervisor, answers
port, log, code = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
service = Service("one", [sys.executable, "-c", code], log, lambda: answers(f"127.0.0.1:{port}"))
with Supervisor(print) as supervisor:
    folder = supervisor.private_folder()
    (folder / "party.key").write_text("secret")
    print(folder, flush=True)
    supervisor.start([service], 60)
    print("up", flush=True)
    while True:
        supervisor.tend()
        time.sleep(0.05)
"""


class Keeper:
    """A supervisor in a process of its own, with a key in its private folder and one service."""

    def __init__(self, tmp_path: Path, script: str = KEEPING, *, parent: bool = True) -> None:
        (port,) = free_ports(1)
        words = [sys.executable, "-c", script, str(port), str(tmp_path / "log"), code(port, parent=parent)]
        self.temporary = tmp_path / "tmp"
        self.temporary.mkdir(exist_ok=True)
        environment = {**os.environ, "TMPDIR": str(self.temporary)}
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        assert self.process.stdout is not None
        self.folder = Path(self.process.stdout.readline().strip())

    def wait_until_up(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"

    def guards(self, tag: str) -> list[psutil.Process]:
        return [one for one in tagged(tag) if str(self.folder) in command_line(one)]

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_the_private_folder_is_for_its_owner_alone(tmp_path: Path, tag: str) -> None:
    with Supervisor(print) as supervisor:
        folder = supervisor.private_folder()
        assert folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(StorageError, match="cannot make a temporary folder"):
            supervisor.private_folder()
    assert not folder.exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
@pytest.mark.parametrize("up", [False, True], ids=["while starting", "when up"])
def test_keys_go_with_the_supervisor_however_it_ends(tmp_path: Path, tag: str, how: signal.Signals, up: bool) -> None:
    keeper = Keeper(tmp_path)
    assert (keeper.folder / "party.key").exists()
    if up:
        keeper.wait_until_up()
    keeper.end(how)
    assert eventually(lambda: not tagged(tag))
    assert list(keeper.temporary.iterdir()) == []


def test_keys_go_with_a_supervisor_whose_guard_was_killed_before(tmp_path: Path, tag: str) -> None:
    keeper = Keeper(tmp_path)
    keeper.wait_until_up()
    (first,) = keeper.guards(tag)
    first.kill()
    assert eventually(lambda: [one.pid for one in keeper.guards(tag)] not in ([], [first.pid]))
    keeper.end(signal.SIGKILL)
    assert eventually(lambda: not tagged(tag))
    assert list(keeper.temporary.iterdir()) == []


def test_keys_go_with_a_supervisor_that_ends_while_it_has_no_guard(tmp_path: Path, tag: str) -> None:
    with Supervisor(print) as supervisor:
        folder = supervisor.private_folder()
        (helper,) = tagged(tag)
        helper.kill()
    assert not folder.exists()


def test_keys_of_one_who_was_killed_with_its_guard_go_with_the_next(tmp_path: Path, tag: str) -> None:
    """As after the power was lost. A folder whose owner lives, and everything that is not ours, is left alone."""
    keeper, other = Keeper(tmp_path, parent=False), Keeper(tmp_path, parent=False)
    (guard,) = keeper.guards(tag)
    os.kill(keeper.process.pid, signal.SIGSTOP)  # so that it starts no other guard
    guard.kill()
    keeper.end(signal.SIGKILL)
    assert keeper.folder.exists()
    for kept in ("fedqmix-private-0123", "other"):
        (tmp_path / "outside" / kept).mkdir(parents=True)
    (keeper.temporary / "fedqmix-private-link").symlink_to(tmp_path / "outside")
    for folder in (keeper.folder, other.folder):
        os.utime(folder, (1, 1))
    third = Keeper(tmp_path, parent=False)
    assert eventually(lambda: not keeper.folder.exists())
    assert (other.folder / "party.key").exists()
    assert len(list((tmp_path / "outside").iterdir())) == 2
    for one in (other, third):
        one.end(signal.SIGKILL)
    assert eventually(lambda: not tagged(tag))


NESTED = """
import sys, time
from pathlib import Path
from fedqmix.runtime.processes import Service, Supervisor, answers, guarded_folder
port, log, code = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
with guarded_folder() as folder, Supervisor(print) as supervisor:
    print(folder, flush=True)
    write = f"import os, time\\nwhile True:\\n os.makedirs('{folder}/a/b', exist_ok=True); time.sleep(0.001)"
    supervisor.private_folder()
    supervisor.start([Service("one", [sys.executable, "-c", write], log, (folder / "a" / "b").exists)], 60)
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda one: one.name)
def test_a_guarded_folder_goes_with_what_was_started_meanwhile(tmp_path: Path, tag: str, how: signal.Signals) -> None:
    """As in `fedqmix verify`, whose federation writes into it until it is killed."""
    keeper = Keeper(tmp_path, NESTED)
    keeper.wait_until_up()
    keeper.end(how)
    assert eventually(lambda: not tagged(tag))
    assert list(keeper.temporary.iterdir()) == []
