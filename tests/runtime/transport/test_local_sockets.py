"""Streams over local sockets between real processes: killed, stopped, foreign, too large, and gone."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from fedqmix.runtime.core.errors import AttemptError, ConfigurationError, RefusedError
from fedqmix.runtime.transport.admission import Gate
from fedqmix.runtime.transport.calls import Line
from fedqmix.runtime.transport.conversation import Conversation
from fedqmix.runtime.transport.frames import FrameSocket, Kind
from fedqmix.runtime.transport.local_channel import LocalMethod, LocalPlace
from fedqmix.runtime.transport.local_server import LocalServer, StreamMethods
from fedqmix.runtime.transport.local_socket import LONGEST_PATH, SUPPORTED, local_path, require_private, socket_path
from fedqmix.runtime.transport.security import MESSAGE_LIMIT, peer
from support.certified import authority, certified
from support.doubling_service import METHOD
from support.paths import ROOT
from support.tagged import eventually

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="local sockets are for Linux")
AS_ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another user")
NOBODY = 65534
CONNECT = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(9))"


class Doubling:
    """A process that serves /test.Test/Double on a local socket, and how to start and reach it."""

    def __init__(self, folder: Path, certs: Path | None = None) -> None:
        self.path, self.certs = folder / "doubler.sock", certs
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT.parent}:{ROOT / 'tests'}"}
        command = [sys.executable, "-m", "support.doubling_service", str(self.path), str(self.certs or "-")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def conversation(self, identity=None, party="world", patience=30.0, ping_s=20.0, method=METHOD) -> Conversation:
        place = LocalPlace(self.path, party, identity, MESSAGE_LIMIT, ping_s)
        return Conversation(Line("the doubler", patience), LocalMethod(place, method, bytes, bytes))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Certificates of two authorities."""
    folder = tmp_path_factory.mktemp("certs")
    own, other = authority(folder / "own"), authority(folder / "other")
    return {party: certified(own, folder / "own", party) for party in ("world", "agent-0")} | {
        "stranger": certified(other, folder / "other", "agent-0")
    }


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A process without certificates that the tests that harm nothing share."""
    service = Doubling(tmp_path_factory.mktemp("s"))
    yield service
    service.kill()


@pytest.fixture
def certain(tmp_path_factory, home):
    service = Doubling(tmp_path_factory.mktemp("s"), home["world"].folder)
    yield service
    service.kill()


@pytest.fixture
def own(tmp_path_factory):
    """A process of the test's own."""
    service = Doubling(tmp_path_factory.mktemp("s"))
    yield service
    service.kill()


def raw(service: Doubling) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(30)
    connection.connect(str(service.path))
    return connection


def test_requests_are_answered_and_refused_as_over_grpc(shared):
    talk = shared.conversation()
    assert [talk.call(str(n).encode()) for n in range(5)] == [b"0", b"2", b"4", b"6", b"8"]
    with pytest.raises(RefusedError, match="not 13"):
        talk.call(b"13")
    assert talk.call(b"21") == b"42"
    talk.close()
    assert talk.call(b"1") == b"2"


def test_a_service_killed_in_the_middle_is_asked_again_when_it_is_back(own):
    talk = own.conversation()
    assert talk.call(b"1") == b"2"
    answer = talk.start(b"4")
    own.kill()  # leaves its socket behind
    starting = threading.Thread(target=own.start)
    starting.start()
    assert answer() == b"8"
    assert talk.call(b"5") == b"10"
    starting.join()


def test_a_service_that_stays_away_is_named(own):
    talk = own.conversation(patience=0.2)
    own.kill()
    with pytest.raises(AttemptError, match=r"the doubler could not be reached .* Is it running"):
        talk.call(b"1")


def test_a_method_that_ends_the_stream_is_named(shared):
    with pytest.raises(AttemptError, match="the doubler hung up"):
        shared.conversation(method="/test.Test/HangUp").call(b"1")


def test_a_method_that_does_not_exist_is_refused(shared):
    with pytest.raises(RefusedError, match="does not know this call"):
        shared.conversation(method="/test.Test/Triple").call(b"1")


def test_a_stopped_service_is_noticed(own):
    talk = own.conversation(patience=0.2, ping_s=0.3)
    assert talk.call(b"1") == b"2"
    own.process.send_signal(signal.SIGSTOP)
    assert eventually(lambda: psutil.Process(own.process.pid).status() == psutil.STATUS_STOPPED)  # it may still answer
    with pytest.raises(AttemptError, match="could not be reached"):
        talk.call(b"2")
    own.process.send_signal(signal.SIGCONT)


def test_a_service_that_takes_long_is_waited_for(shared):
    talk = shared.conversation(ping_s=0.1)
    waiting = threading.Thread(target=talk.call, args=(b"99",), daemon=True)
    waiting.start()
    waiting.join(2.0)
    assert waiting.is_alive()


def test_messages_above_the_limit_are_refused_by_both_ends(shared):
    talk = shared.conversation()
    with pytest.raises(RefusedError, match="too large"):
        talk.call(bytes(MESSAGE_LIMIT + 1))
    with pytest.raises(RefusedError, match="too large"):
        talk.call(b"7")
    with raw(shared) as connection:
        frames = FrameSocket(connection, MESSAGE_LIMIT)
        frames.send(Kind.METHOD, METHOD.encode())
        connection.sendall(struct.pack("!BI", Kind.MESSAGE, MESSAGE_LIMIT + 1))
        kind, body = frames.receive()
        assert kind is Kind.ERROR
        assert b"larger than max" in body
    assert shared.conversation().call(b"3") == b"6"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        os.urandom(4096),
        struct.pack("!BI", 2, 1) + b"1",
        struct.pack("!BI", 1, 4) + b"/a/b",
    ],
)
def test_anything_else_that_connects_gets_no_answer_and_harms_nothing(shared, content):
    with raw(shared) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        frame = FrameSocket(connection, MESSAGE_LIMIT).receive()
        assert frame is None or frame[0] is Kind.ERROR
    assert shared.conversation().call(b"3") == b"6"


def test_a_connection_that_stays_silent_is_closed(shared):
    with raw(shared) as connection:
        assert connection.recv(1) == b""


def test_callers_that_go_away_leave_no_threads(shared):
    def threads() -> int:
        return len(list(Path(f"/proc/{shared.process.pid}/task").iterdir()))

    before = threads()
    for _ in range(20):
        talk = shared.conversation()
        talk.start(b"1")
        talk.close()
    assert eventually(lambda: threads() <= before)


def test_a_caller_killed_in_the_middle_leaves_no_thread(shared):
    program = (
        "import socket, struct, sys, time; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); m = sys.argv[2]"
        ".encode(); s.sendall(struct.pack('!BI', 1, len(m)) + m + b'\\2\\0'); print('sent', flush=True); time.sleep(99)"
    )
    before = len(list(Path(f"/proc/{shared.process.pid}/task").iterdir()))
    caller = subprocess.Popen([sys.executable, "-c", program, shared.path, METHOD], stdout=subprocess.PIPE)
    assert caller.stdout.readline() == b"sent\n"
    caller.kill()
    caller.communicate()
    assert eventually(lambda: len(list(Path(f"/proc/{shared.process.pid}/task").iterdir())) <= before)


def test_certificates_are_shown_and_checked(certain, home):
    assert certain.conversation(home["agent-0"]).call(b"3") == b"6"
    for identity, party in ((home["stranger"], "world"), (home["agent-0"], "mixer")):
        with pytest.raises(AttemptError, match=r"(?i)certificate|hostname"):
            certain.conversation(identity, party, patience=0.2).call(b"1")
    with pytest.raises(AttemptError, match="could not be reached"):
        certain.conversation(None, patience=0.2).call(b"1")
    assert certain.conversation(home["agent-0"]).call(b"4") == b"8"


@AS_ROOT
def test_another_user_cannot_connect(own):
    def connect() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/usr/bin/env", "python3", "-c", CONNECT, str(own.path)],
            user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert "PermissionError" in connect().stderr
    opened = []
    for folder in (own.path, *own.path.parents):  # an owner who opens up everything, against the advice
        opened.append((folder, folder.stat().st_mode))
        folder.chmod(opened[-1][1] | 0o777)
    try:
        done = connect()
        assert done.stdout == "b''\n" or "ConnectionResetError" in done.stderr
        assert own.conversation().call(b"3") == b"6"
    finally:
        for folder, mode in opened:
            folder.chmod(mode & 0o7777)


def test_a_service_of_another_user_is_not_trusted(shared, monkeypatch):
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises(OSError, match=f"runs as user {user}; only user {user + 1} is let in"):
        LocalPlace(shared.path, "world", None, MESSAGE_LIMIT).connect()


def test_a_second_process_cannot_take_a_socket_that_is_used(shared):
    gate = Gate(peer, "")
    try:
        with pytest.raises(ConfigurationError, match="cannot be listened on"):
            LocalServer(shared.path, None, StreamMethods(), gate, MESSAGE_LIMIT, 1, 1.0)
    finally:
        gate.close()
    assert shared.conversation().call(b"3") == b"6"


def test_the_folder_must_be_private(tmp_path):
    tmp_path.chmod(0o700)
    require_private(tmp_path)
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigurationError, match="open to this user alone"):
        require_private(tmp_path)
    with pytest.raises(ConfigurationError, match="mkdir -m 700"):
        require_private(tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="shorter path"):
        socket_path(tmp_path / ("x" * LONGEST_PATH), "world")
    assert local_path(tmp_path / ("x" * LONGEST_PATH), "world") is None
    assert local_path(None, "world") is None
    assert local_path(tmp_path, "world") == socket_path(tmp_path, "world")
