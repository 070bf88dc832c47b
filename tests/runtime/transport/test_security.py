"""Real servers on the loopback: who gets in, who does not, and what both ends say about it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.transport import authority as authorities
from fedqmix.runtime.transport import identity as identities
from fedqmix.runtime.transport.authority import Authority
from fedqmix.runtime.transport.diagnosis import why_unreachable
from fedqmix.runtime.transport.security import MESSAGE_LIMIT, Identity, RunningServer, channel, peer, server
from support import certified
from support.certified import NOT_SERVING, SERVING, ask

WHO, ECHO = "/test.Test/Who", "/test.Test/Echo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certs")


@pytest.fixture(scope="module")
def home(folder: Path) -> Authority:
    """The federation's authority, made some days ago."""
    with pytest.MonkeyPatch.context() as patched:
        set_clocks(patched, timedelta(days=-3))
        return certified.authority(folder)


@pytest.fixture(scope="module")
def world(home: Authority, folder: Path) -> Identity:
    return certified.certified(home, folder, "world")


@pytest.fixture(scope="module")
def agent(home: Authority, folder: Path) -> Identity:
    return certified.certified(home, folder, "agent-0")


@pytest.fixture(scope="module")
def stranger(folder: Path) -> Identity:
    """An agent of the same name in another federation."""
    return certified.certified(certified.authority(folder / "other"), folder / "other", "agent-0")


def set_clocks(patched: pytest.MonkeyPatch, difference: timedelta) -> None:
    for module in (identities, authorities):
        patched.setattr(module, "now", lambda: datetime.now(UTC) + difference)


def add_methods(running: grpc.Server) -> None:
    """Methods of the test's own: who is calling, and the request given back."""
    methods = {
        "Who": grpc.unary_unary_rpc_method_handler(lambda _, context: repr(peer(context)).encode()),
        "Echo": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
    }
    running.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Test", methods)])


@pytest.fixture
def secure(world: Identity) -> Iterator[RunningServer]:
    running = server(world, [add_methods], "127.0.0.1:0", workers=2)
    yield running
    running.stop(0)


@pytest.fixture
def plain() -> Iterator[RunningServer]:
    running = server(None, [add_methods], "127.0.0.1:0", workers=2)
    yield running
    running.stop(0)


def refused(identity: Identity | None, port: int, party: str) -> str:
    """Call in vain; return why, as the client is told. A call that hangs would end otherwise than UNAVAILABLE."""
    with pytest.raises(grpc.RpcError) as error:
        ask(identity, port, party)
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    reason = why_unreachable(identity, f"127.0.0.1:{port}", party)
    assert reason is not None
    return reason


def test_the_right_certificates_meet_and_the_server_knows_who_calls(secure: RunningServer, agent: Identity) -> None:
    assert ask(agent, secure.port, "world") == SERVING
    with channel(agent, f"127.0.0.1:{secure.port}", "world") as connection:
        assert connection.unary_unary(WHO)(b"", timeout=10) == b"'agent-0'"
    assert why_unreachable(agent, f"127.0.0.1:{secure.port}", "world") is None


def test_an_address_is_as_good_as_a_name(secure: RunningServer, agent: Identity) -> None:
    with channel(agent, f"localhost:{secure.port}", "world") as connection:
        assert certified.check(connection) == SERVING


def test_no_certificate_is_refused(secure: RunningServer, agent: Identity, capfd: pytest.CaptureFixture[str]) -> None:
    credentials = grpc.ssl_channel_credentials(agent.authority)
    named = [("grpc.ssl_target_name_override", "world")]
    with (
        grpc.secure_channel(f"127.0.0.1:{secure.port}", credentials, named) as connection,
        pytest.raises(grpc.RpcError) as error,
    ):
        certified.check(connection)
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in capfd.readouterr().err


def test_another_authoritys_certificate_is_refused_by_both(
    secure: RunningServer, stranger: Identity, agent: Identity, home: Authority, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "same authority" in refused(stranger, secure.port, "world")
    trusting = stranger.folder.parent / "trusting"  # knows the server's authority, and shows a certificate of another
    trusting.mkdir()
    for name, data in (("party.crt", stranger.certificate), ("party.key", stranger.key)):
        (trusting / name).write_bytes(data)
    (trusting / "ca.crt").write_bytes(home.pem + stranger.authority)
    assert "its ca.crt is not that of" in refused(Identity(trusting), secure.port, "world")
    assert "CERTIFICATE_VERIFY_FAILED" in capfd.readouterr().err
    assert ask(agent, secure.port, "world") == SERVING


def test_another_party_behind_the_address_is_refused(secure: RunningServer, agent: Identity) -> None:
    assert "not made out to mixer" in refused(agent, secure.port, "mixer")


def test_an_expired_certificate_is_refused_before_and_after_it_is_read(
    secure: RunningServer,
    home: Authority,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patched:
        set_clocks(patched, timedelta(days=-2))
        yesterday = certified.certified(home, folder / "late", "agent-1", days=1)
    with pytest.raises(ConfigurationError, match=r"expired on .* fedqmix certs renew=true"):
        Identity(yesterday.folder)
    assert "certificate, which expired on" in refused(yesterday, secure.port, "world")
    assert "certificate has expired" in capfd.readouterr().err


def test_plain_text_at_both_ends_works_and_names_nobody(plain: RunningServer) -> None:
    assert ask(None, plain.port, "world") == SERVING
    with channel(None, f"127.0.0.1:{plain.port}", "world") as connection:
        assert connection.unary_unary(WHO)(b"", timeout=10) == b"None"
    assert why_unreachable(None, f"127.0.0.1:{plain.port}", "world") is None


def test_plain_text_against_tls_is_told_so_at_once(secure: RunningServer) -> None:
    assert "it speaks TLS, and insecure=true was typed here" in refused(None, secure.port, "world")


def test_tls_against_plain_text_is_told_so_at_once(plain: RunningServer, agent: Identity) -> None:
    assert "it speaks no TLS" in refused(agent, plain.port, "world")


def test_nobody_there(agent: Identity, secure: RunningServer) -> None:
    secure.stop(0)
    assert "nothing listens there" in refused(agent, secure.port, "world")
    assert "no machine of this name" in str(why_unreachable(agent, "no-such-host.invalid:1", "world"))
    assert "write host:port" in str(why_unreachable(agent, "world", "world"))


def test_a_huge_message_is_refused_and_the_server_goes_on(secure: RunningServer, agent: Identity) -> None:
    credentials = grpc.ssl_channel_credentials(agent.authority, agent.key, agent.certificate)
    options = [("grpc.ssl_target_name_override", "world"), ("grpc.max_send_message_length", -1)]
    with grpc.secure_channel(f"127.0.0.1:{secure.port}", credentials, options) as connection:
        echo = connection.unary_unary(ECHO)
        with pytest.raises(grpc.RpcError) as error:
            echo(bytes(MESSAGE_LIMIT + 1), timeout=60)
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert echo(b"small", timeout=10) == b"small"


def test_a_taken_port_is_an_error(secure: RunningServer, world: Identity) -> None:
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{secure.port}: cannot be listened on"):
        server(world, [], f"127.0.0.1:{secure.port}", workers=1)


def test_stopping_says_not_serving_lets_calls_end_and_frees_the_port(world: Identity, agent: Identity) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(request: bytes, _: grpc.ServicerContext) -> bytes:
        entered.set()
        leave.wait(30)
        return request

    def add(running: grpc.Server) -> None:
        methods = {"Slow": grpc.unary_unary_rpc_method_handler(slow)}
        running.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Slow", methods)])

    running = server(world, [add], "127.0.0.1:0", workers=1)
    with channel(agent, f"127.0.0.1:{running.port}", "world") as connection:
        call = connection.unary_unary("/test.Slow/Slow").future(b"done", timeout=30)
        assert entered.wait(10)
        assert not running.wait(0.01)
        watch = certified.watch(connection)
        assert next(watch) == SERVING
        stopping = threading.Thread(target=running.stop, args=(20,))
        stopping.start()
        assert next(watch) == NOT_SERVING
        leave.set()
        assert call.result() == b"done"
    assert running.wait(20)
    stopping.join(20)
    assert not stopping.is_alive()
    server(world, [], f"127.0.0.1:{running.port}", workers=1).stop(0)


@pytest.mark.parametrize("name", ["ca.crt", "party.crt", "party.key"])
def test_a_missing_or_damaged_file_is_named(home: Authority, tmp_path: Path, name: str) -> None:
    path = certified.certified(home, tmp_path, "mixer").folder / name
    path.write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match=f"{name} is not a valid "):
        Identity(path.parent)
    path.unlink()
    with pytest.raises(ConfigurationError, match=f"{name} is missing"):
        Identity(path.parent)


def test_files_of_two_parties_or_authorities_do_not_mix(home: Authority, stranger: Identity, tmp_path: Path) -> None:
    mixer = certified.certified(home, tmp_path, "mixer").folder
    world = certified.certified(home, tmp_path, "world").folder
    (mixer / "party.key").write_bytes((world / "party.key").read_bytes())
    with pytest.raises(ConfigurationError, match=r"party.key does not belong to .*party.crt"):
        Identity(mixer)
    (world / "ca.crt").write_bytes(stranger.authority)
    with pytest.raises(ConfigurationError, match="was not issued by the authority"):
        Identity(world)


def test_the_folder_of_all_parties_is_no_identity(world: Identity, agent: Identity) -> None:
    with pytest.raises(ConfigurationError, match=r"several parties: agent-0, .*world\. Name one"):
        Identity(world.folder.parent)


def test_an_open_key_and_an_ending_certificate_are_warned_of(
    home: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mixer = certified.certified(home, tmp_path, "mixer")
    assert not caplog.records
    (mixer.folder / "party.key").chmod(0o640)
    with caplog.at_level(logging.WARNING):
        Identity(mixer.folder)
        certified.certified(home, tmp_path, "world", days=29)
    assert "party.key can be read by others than its owner (mode 640)" in caplog.text
    assert "the certificate of world expires on" in caplog.text
