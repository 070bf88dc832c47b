"""What we shorten in Flower's SuperNode is still there to be shortened."""

import importlib
import inspect
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.flower import programs, quick_supernode
from support.tagged import eventually


def test_the_names_it_replaces_are_used_by_flower() -> None:
    loop = inspect.getsource(importlib.import_module("flwr.supernode.start_client_internal"))
    for seconds in (quick_supernode.FOR_A_MESSAGE, quick_supernode.FOR_A_REPLY):
        assert f"time.sleep({seconds})" in loop
    assert f'["{programs.FLOWERS_SUPEREXEC}"]' in loop
    assert "subprocess.Popen(command)" in loop
    assert "with _init_connection(" in loop
    starts = inspect.getsource(importlib.import_module("flwr.supercore.superexec.run_superexec"))
    assert "executor = get_executor(" in starts
    assert "time.sleep(task_poll_interval)" in starts
    assert "_push_messages(\n" in loop


def test_the_superexec_is_ours_and_other_programs_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FEDQMIX_INSECURE", "1")
    with (tmp_path / "said").open("w") as said:
        ours = programs.start(["flower-superexec", "--help"], stdout=said)
    assert eventually(lambda: "--runtime-api-address" in (tmp_path / "said").read_text(), 120)
    ours.terminate()
    ours.wait(60)
    other = programs.start([sys.executable, "-c", "print(7)"], stdout=subprocess.PIPE, text=True)
    assert isinstance(other, subprocess.Popen)
    assert str(other.communicate(timeout=60)[0]).strip() == "7"


FORK = """
import os, time
import psutil
from flwr.supercore.constant import TaskType
from flwr.supercore.superexec.executor.types import ExecutionSpec
from fedqmix.runtime.flower.quick_superexec import ForkExecutor

executor = ForkExecutor()
nobody_listens_there = "127.0.0.1:1"
said = executor.launch(
    ExecutionSpec(TaskType.CLIENT_APP, nobody_listens_there, "token", True, None, False, os.getpid(), False, 1)
)
child, = psutil.Process().children()
child.kill()
deadline = time.monotonic() + 20
while psutil.Process().children():
    executor.reconcile()
    assert time.monotonic() < deadline
    time.sleep(0.05)
print(said.status)
"""


def test_a_clientapp_is_a_process_of_its_own_and_is_let_go_of() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "accepted"


def test_a_handshake_that_is_not_finished_is_tried_again(tmp_path: Path) -> None:
    """Flower's own client would give up for good; a SuperLink that is stopped or busy for a while does that to it."""
    make_certificates(tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        client = subprocess.Popen([sys.executable, "-c", PULL, str(tmp_path / "supernode-0"), place])
        try:
            for close in (False, True, False, True):  # the client's patience ends, or the connection
                connection, _ = listening.accept()
                connection.settimeout(60)
                while not close and connection.recv(4096):
                    pass
                connection.close()
        finally:
            client.kill()
            client.wait()


PULL = """
import sys
from pathlib import Path
from fedqmix.runtime.transport.identity import Identity
from fedqmix.runtime.flower import own_certificate
own_certificate.show(Identity(Path(sys.argv[1])))
from flwr.proto.fleet_pb2 import PullMessagesRequest
from flwr.supercore.retry import make_simple_http_retry_invoker
from flwr.supernode.fleet_http_client import FleetHttpClient
link = FleetHttpClient(f"https://{sys.argv[2]}", timeout=1.0)
make_simple_http_retry_invoker().invoke(link.PullMessages, PullMessagesRequest())
"""
