"""The supervisor, with real processes: whatever happens to it or to them, none is left behind."""

import os
import signal
import socket
import subprocess
import sys
from concurrent import futures
from contextlib import closing
from pathlib import Path

import grpc
import psutil
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.processes import Service, Supervisor, answers, free_ports, serving
from support.listeners import code, listener
from support.paths import ROOT
from support.tagged import command_line, eventually, tagged

SUPERVISED = """
import sys, time
from pathlib import Path
from fedqmix.runtime.processes import Service, Supervisor, answers
port, log, code = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
service = Service("one", [sys.executable, "-c", code], log, lambda: answers(f"127.0.0.1:{port}"))
with Supervisor(print) as supervisor:
    supervisor.start([service], 60)
    print("up", flush=True)
    while True:
        supervisor.tend()
        time.sleep(0.05)
"""


def test_free_ports_differ_and_can_be_listened_on() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with closing(socket.create_server(("127.0.0.1", port))):
            assert answers(f"127.0.0.1:{port}")
        assert not answers(f"127.0.0.1:{port}")


def test_a_service_is_serving_only_when_it_says_so() -> None:
    servicer = health.HealthServicer()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert not serving(channel)
        server.start()
        assert eventually(lambda: serving(channel))
        servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert not serving(channel)
        server.stop(0).wait()
        assert not serving(channel)


def test_a_killed_process_is_started_again_without_what_it_had_started(tmp_path: Path, tag: str) -> None:
    said: list[str] = []
    with Supervisor(said.append) as supervisor:
        supervisor.start([listener("one", tmp_path, parent=True), listener("two", tmp_path)], 60)
        first, other = supervisor.pid("one"), supervisor.pid("two")
        assert supervisor.restarts == {"one": 0, "two": 0}
        (helper,) = psutil.Process(first).children()
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: supervisor.tend() or supervisor.restarts["one"] == 1)
        assert helper.pid not in [process.pid for process in tagged(tag)]
        assert supervisor.pid("one") != first
        assert supervisor.pid("two") == other
    assert [sentence.split(";")[0] for sentence in said] == [
        "one was ended by SIGKILL",
        "one was started again (1 so far)",
    ]
    assert not tagged(tag)


def test_who_ignores_being_asked_is_killed(tmp_path: Path, tag: str) -> None:
    with Supervisor(print) as supervisor:
        supervisor.start([listener("deaf", tmp_path, stubborn=True, parent=True)], 60)
        supervisor.stop(grace=0.2)
        assert not tagged(tag)


def test_an_exception_leaves_nobody_behind(tmp_path: Path, tag: str) -> None:
    def fail() -> None:
        with Supervisor(print) as supervisor:
            supervisor.start([listener("one", tmp_path, parent=True)], 60)
            assert len(tagged(tag)) == 3  # it, its helper, the guard
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert not tagged(tag)


def test_a_taken_port_is_told_with_the_end_of_the_log(tmp_path: Path, tag: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        words = [sys.executable, "-c", code(taken.getsockname()[1])]
        service = Service("one", words, tmp_path / "one.log", lambda: False)
        with (
            Supervisor(lambda _: None) as supervisor,
            pytest.raises(FederationError, match=r"(?s)one ended with status 1, .*Address already in use"),
        ):
            supervisor.start([service], 60)


def test_who_is_never_ready_is_named(tmp_path: Path, tag: str) -> None:
    words = [sys.executable, "-c", "import time; print('thinking', flush=True); time.sleep(600)"]
    service = Service("slow", words, tmp_path / "log", lambda: False)
    with (
        Supervisor(print) as supervisor,
        pytest.raises(FederationError, match=r"(?s)slow was not ready within 1 s.*thinking"),
    ):
        supervisor.start([service], 1.0)


def test_a_program_that_is_not_there(tmp_path: Path, tag: str) -> None:
    service = Service("one", ["no-such-program"], tmp_path / "log", lambda: True)
    with (
        Supervisor(print) as supervisor,
        pytest.raises(FederationError, match="'no-such-program' cannot be started: No such file"),
    ):
        supervisor.start([service], 5)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_a_supervisor_that_is_ended_takes_all_with_it(tmp_path: Path, tag: str, how: signal.Signals) -> None:
    (port,) = free_ports(1)
    script = code(port, stubborn=True, parent=True)
    words = [sys.executable, "-c", SUPERVISED, str(port), str(tmp_path / "log"), script]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"up\n"
        assert len(tagged(tag)) == 4  # the supervisor, its guard, the service, the service's helper
        supervisor.send_signal(how)
        supervisor.wait(30)
    assert eventually(lambda: not tagged(tag))
    assert not answers(f"127.0.0.1:{port}")


STARTING = """
import sys, time
from fedqmix.runtime.processes import process
from pathlib import Path
one = process.start([sys.executable, "-c", "import time; time.sleep(600)"], Path(sys.argv[1]), {}, "")
print(one.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the guard does it alone")
def test_the_system_ends_a_process_whose_starter_was_killed_without_any_guard(tmp_path: Path, tag: str) -> None:
    words = [sys.executable, "-c", STARTING, str(tmp_path / "log")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) as starter:
        assert starter.stdout is not None
        try:
            started = psutil.Process(int(starter.stdout.readline()))
            # Until it has become what it was started for; for a moment of that it has no command line at all.
            assert eventually(lambda: "sleep(600)" in command_line(started).rpartition(" ")[2])
        finally:
            starter.kill()
    assert eventually(lambda: not started.is_running())
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


LATE = """
import os, subprocess, sys
from fedqmix.runtime.core import parent_death
gone = subprocess.Popen([sys.executable, "-c", ""])
gone.wait()
print(subprocess.run([sys.executable, parent_death.__file__, str(gone.pid), "echo", "started"]).returncode)
print(subprocess.run([sys.executable, parent_death.__file__, str(os.getpid()), "echo", "started"]).returncode)
"""


def test_nothing_starts_for_a_parent_that_has_ended() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "started", "0"]
