"""`fedqmix health`: against real services, up and down."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from ssl import CERT_REQUIRED, PROTOCOL_TLS_SERVER, SSLContext

import pytest

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.deployment.submission import SuperLink, UnreachableError
from fedqmix.runtime.transport.security import Identity, RunningServer, server
from support.paths import python_path

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("health") / "certs"
    assert main(["certs", "agents=1", f"out={folder}"]) == 0
    return folder


@pytest.fixture
def world(folder: Path) -> Iterator[RunningServer]:
    running = server(Identity(folder / "world"), [], "127.0.0.1:0", workers=1)
    yield running
    running.stop(0)


@pytest.fixture
def superlink(folder: Path, tmp_path: Path) -> Iterator[int]:
    """Answers GET /health over TLS to whoever shows a certificate, as Flower's does."""
    (tmp_path / "health").touch()
    httpd = HTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "superlink" / "party.crt", folder / "superlink" / "party.key")
    context.load_verify_locations(folder / "superlink" / "ca.crt")
    context.verify_mode = CERT_REQUIRED
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield httpd.server_port
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def health(port: int, party: str, *words: str) -> int:
    return main(["health", f"127.0.0.1:{port}", f"party={party}", *words])


def test_a_service_that_serves(world: RunningServer, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert health(world.port, "world", f"certs={folder}/agent-0") == 0
    assert capsys.readouterr().out == f"world at 127.0.0.1:{world.port}: serving\n"


def test_one_that_has_stopped(world: RunningServer, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world.stop(0)
    assert health(world.port, "world", f"certs={folder}/agent-0") == 1
    assert "nothing listens there; has it been started?" in capsys.readouterr().out


def test_one_asked_in_the_wrong_way(world: RunningServer, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert health(world.port, "world", "insecure=true") == 1
    assert "it speaks TLS" in capsys.readouterr().out
    assert health(world.port, "mixer", f"certs={folder}/agent-0") == 1
    assert "not made out to mixer" in capsys.readouterr().out


def test_flowers_own_port(superlink: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert health(superlink, "superlink", f"certs={folder}/supernode-0") == 0
    assert health(superlink, "superlink", "insecure=true", "timeout=2") == 1
    assert "it speaks TLS, and insecure=true was typed here" in capsys.readouterr().out
    for words in ("insecure=true", f"certs={folder}/supernode-0"):
        assert health(1, "supernode-0", words) == 1
        assert "supernode-0 at 127.0.0.1:1: nothing listens there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["party=world"], "needs an address and a party"),
        (["localhost:1", "party=world"], "fedqmix health needs certs=DIR"),
        (["localhost:1", "parti=world"], "did you mean 'party'?"),
        (["localhost:1", "party=world", "timeout=0", "insecure=true"], "timeout=0 must be"),
        (["localhost:1", "party=world", "insecure=yes"], "insecure=yes must be true or false"),
        (["localhost:1", "party"], "'party' has no value"),
    ],
)
def test_a_mistake_is_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", *words]) == 2
    assert said in capsys.readouterr().err.replace("\n", " ")


def test_asking_loads_nothing_that_is_slow_to_load() -> None:
    """Container engines ask every service again and again."""
    script = "import sys, fedqmix.runtime.cli.health; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": python_path()}
    asked = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert not {"torch", "numba", "numpy", "flwr", "hydra"} & set(asked.stdout.split())


def test_a_submission_does_not_wait_for_another_authoritys_superlink(superlink: int, tmp_path: Path) -> None:
    assert main(["certs", "agents=1", f"out={tmp_path}/others"]) == 0
    with (
        SuperLink(f"127.0.0.1:{superlink}", Identity(tmp_path / "others" / "submit"), b"bundle") as link,
        pytest.raises(FederationError, match=r"is refused here: .*CERTIFICATE_VERIFY_FAILED") as refused,
    ):
        link.start([])
    assert not isinstance(refused.value, UnreachableError)
