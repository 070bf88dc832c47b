"""Flower's programs and what they start: none outlives its SuperNode, SuperExec or SuperLink, whatever it waits for."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from fedqmix.runtime.deployment.submission import SuperLink
from fedqmix.runtime.flower.app import bundle
from fedqmix.runtime.processes import answers, free_ports
from support.tagged import TAG, command_line, eventually, gone, new_tag, tagged

ROOT = Path(__file__).parents[3]
PATH = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
WITHIN_S = 10.0

FORKS = """
import os, signal, socket, sys, time
import psutil
from flwr.supercore.constant import TaskType
from flwr.supercore.superexec.executor.types import ExecutionSpec
from fedqmix.runtime.flower import quick_superexec

silent = socket.create_server(("127.0.0.1", 0))
place = f"127.0.0.1:{silent.getsockname()[1]}"
how, times = sys.argv[1], int(sys.argv[2])
for number in range(times):
    reads, writes = os.pipe()
    superexec = os.fork()
    if superexec == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # whatever somebody has left so
        fork = os.fork
        def noted():
            child = fork()
            if child:
                os.write(writes, f"{child}\\n".encode())
            return child
        quick_superexec.os.fork = noted
        spec = ExecutionSpec(TaskType.CLIENT_APP, place, "token", True, None, False, os.getpid(), False, 1)
        quick_superexec.ForkExecutor().launch(spec)
        time.sleep(600)
    client = psutil.Process(int(os.read(reads, 20)))
    time.sleep([0, 0.001, 0.01, 0.1, 0.5][number % 5])
    if how == "parent":
        os.kill(superexec, signal.SIGKILL)
    else:
        client.terminate()
    deadline = time.monotonic() + 10
    while client.is_running() and client.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"client {number} is still there"
        time.sleep(0.01)
    os.kill(superexec, signal.SIGKILL)
    os.waitpid(superexec, 0)
print("none is left")
"""


@pytest.mark.parametrize("how", ["parent", "SIGTERM"])
@pytest.mark.parametrize("times", ["5", pytest.param("20", marks=pytest.mark.slow)])
def test_a_forked_clientapp_ends_with_its_superexec_and_upon_sigterm(how: str, times: str, tag: str) -> None:
    """At whatever moment its parent is killed, also before it has looked who its parent is."""
    done = subprocess.run(
        [sys.executable, "-c", FORKS, how, times], cwd=ROOT, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.stdout.strip() == "none is left", done.stderr


@dataclass
class Stuck:
    """A SuperLink and a SuperNode, a run whose ServerApp waits, and a ClientApp that waits at its agent."""

    tag: str

    def find(self, what: str) -> list[psutil.Process]:
        return [one for one in tagged(self.tag) if what in command_line(one)]

    @property
    def superlink(self) -> psutil.Process:
        return self.find("fedqmix superlink")[0]

    @property
    def supernode(self) -> psutil.Process:
        return self.find("fedqmix supernode")[0]

    @property
    def serverapps(self) -> list[psutil.Process]:
        return self.find("serverapp")

    def superexec_of(self, process: psutil.Process) -> psutil.Process:
        return next(child for child in process.children() if "superexec" in command_line(child))

    def clients(self) -> list[psutil.Process]:
        return self.superexec_of(self.supernode).children()

    def waits(self) -> bool:
        """Tell whether the ClientApp has come to its agent's door."""
        try:
            return bool(self.serverapps) and any(one.net_connections() for one in self.clients())
        except (psutil.Error, IndexError, StopIteration):
            return False


@pytest.fixture
def agent() -> Iterator[str]:
    """Where an agent listens that has been stopped: the system takes connections, nobody reads them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def stuck(tmp_path: Path, agent: str) -> Iterator[Callable[[], Stuck]]:
    """Starts it all; at the end nobody may be left."""
    tags = []

    def start() -> Stuck:
        tags.append(new_tag())
        folder = tmp_path / tags[-1]
        folder.mkdir()
        link, node = (f"127.0.0.1:{port}" for port in free_ports(2))
        command = [sys.executable, "-m", "fedqmix"]
        environment = {**os.environ, "PYTHONPATH": PATH, TAG: tags[-1], "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.05"}
        superlink = ["superlink", "insecure=true", f"listen={link}", f"state={folder}/link", f"runs={folder}/runs"]
        supernode = ["supernode", "id=0", "insecure=true", f"superlink={link}", f"agent={agent}", f"listen={node}"]
        with (folder / "log").open("wb") as log:  # nobody waits for them: who outlives the test is found by its tag
            subprocess.Popen([*command, *superlink], stdout=log, stderr=log, env=environment, cwd=folder)
            assert eventually(lambda: answers(link), 120)
            subprocess.Popen(
                [*command, *supernode, f"state={folder}/node"], stdout=log, stderr=log, env=environment, cwd=folder
            )
        with SuperLink(link, None, bundle("support.stuck_app:server", "support.stuck_app:client")) as control:
            control.start([])
        found = Stuck(tags[-1])
        assert eventually(found.waits, 120), (folder / "log").read_text()
        return found

    yield start
    left = [process for tag in tags for process in tagged(tag)]
    for process in left:
        process.kill()


def all_gone(*processes: psutil.Process) -> bool:
    """Wait until every process has ended."""
    return eventually(lambda: all(gone(one) for one in processes), WITHIN_S)


def check(found: Stuck, victim: str) -> None:
    """Kill one of them, and look who is left."""
    clients, serverapps = found.clients(), found.serverapps
    supernode, superlink = found.supernode, found.superlink
    execs = {"node": found.superexec_of(supernode), "link": found.superexec_of(superlink)}
    match victim:
        case "ClientApp upon SIGTERM":
            clients[0].terminate()
            assert all_gone(clients[0])
        case "SuperNode":
            supernode.kill()
            assert all_gone(supernode, execs["node"], *clients)
        case "SuperExec of the SuperNode":
            execs["node"].kill()
            assert all_gone(execs["node"], *clients)
        case "SuperExec of the SuperLink":
            execs["link"].kill()
            assert all_gone(execs["link"], *serverapps)
        case "SuperLink":
            superlink.kill()
            assert all_gone(superlink, execs["link"], *serverapps)
        case "stopped ClientApp":
            clients[0].suspend()
            supernode.kill()
            assert all_gone(supernode, execs["node"], *clients)
        case _:
            raise ValueError(victim)


def leave_sigterm_to_the_system(process: psutil.Process) -> None:
    """Python's handlers run when the main thread gets to it; a ClientApp has none, so that SIGTERM always ends it."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        for mask in ("SigCgt", "SigIgn", "SigBlk"):
            assert not int(fields[mask], 16) & (1 << (signal.SIGTERM - 1)), mask


VICTIMS = (
    "ClientApp upon SIGTERM",
    "SuperNode",
    "SuperExec of the SuperNode",
    "SuperExec of the SuperLink",
    "SuperLink",
    "stopped ClientApp",
)


@pytest.mark.slow
def test_nobody_outlives_superlink_and_supernode(stuck: Callable[[], Stuck]) -> None:
    """A ClientApp waits at an agent that does not answer, a ServerApp for its nodes."""
    found = stuck()
    began = time.monotonic()
    clients, serverapps = found.clients(), found.serverapps
    leave_sigterm_to_the_system(clients[0])
    for victim in (found.supernode, found.superlink):
        victim.kill()
    assert all_gone(*clients, *serverapps)
    assert eventually(lambda: not [one for one in tagged(found.tag) if not gone(one)], WITHIN_S)
    print(f"{len(clients)} ClientApps and {len(serverapps)} ServerApps ended within {time.monotonic() - began:.2f} s")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("victim", VICTIMS)
def test_whoever_is_killed_takes_along_what_it_has_started_twenty_times(
    stuck: Callable[[], Stuck], victim: str
) -> None:
    for _ in range(20):
        found = stuck()
        check(found, victim)
        for process in tagged(found.tag):
            process.kill()
