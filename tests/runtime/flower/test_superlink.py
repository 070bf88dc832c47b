"""A real SuperLink with SuperNodes, TLS and node authentication, and runs submitted to it."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fedqmix.runtime.cli.superlink import _prepare, superlink_command
from fedqmix.runtime.cli.supernode import supernode_command
from fedqmix.runtime.core.errors import ConfigurationError, FederationError
from fedqmix.runtime.deployment.following import Following
from fedqmix.runtime.deployment.submission import SuperLink
from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.processes import answers, free_ports
from fedqmix.runtime.transport.authority import issue, make_authority, make_node_key
from fedqmix.runtime.transport.identity import Identity
from support.echo_federation import ENVIRONMENT, Federation, echo_federation, node_command
from support.paths import ROOT
from support.tagged import eventually


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    with echo_federation(tmp_path_factory.mktemp("federation")) as running:
        yield running
        assert "DEBUG" not in running.log("superlink")


def test_a_run_is_followed_to_its_end(federation: Federation) -> None:
    overrides = ["strategy=pp_pps", "strategy.shared=[head.*]", "seed=3", "stop.env_steps=2"]
    rows = [row for row in federation.follow("first", *overrides).rows(print) if row is not None]
    assert [row["env_step"] for row in rows] == [1, 2]
    run = federation.folder / "runs" / "first"
    (start,) = lines(run / "starts.jsonl")
    assert start["words"] == [*overrides, "run_dir=first"]
    assert start["runs"] == str(run.parent)
    expected = [
        {"agent": f"127.0.0.1:{7000 + k}", "told": f"127.0.0.1:{7000 + k}", "partition": k, "certs": f"supernode-{k}"}
        for k in range(2)
    ]
    assert lines(run / "answers.jsonl") == [[{**one, "word": f"word {n}"} for one in expected] for n in (1, 2)]
    print(f"seconds a round: {[round(row['elapsed_s'], 2) for row in rows]}")


def test_a_run_that_fails_says_why(federation: Federation) -> None:
    with pytest.raises(FederationError, match=r"^agent 1 has diverged at training step 812$"):
        list(federation.follow("failing", "seed=13").rows(print))


@pytest.mark.slow
def test_a_run_outlives_its_superlink(federation: Federation) -> None:
    """The SuperLink is killed while the run goes on: started again it knows its SuperNodes, and the run goes on."""
    run, said = federation.folder / "runs" / "second", []
    following = federation.follow("second", "seed=14", "stop.env_steps=1")
    killed = False
    for _ in following.rows(said.append):
        federation.supervisor.tend()
        if (run / "starts.jsonl").exists() and not killed:
            os.kill(federation.supervisor.pid("superlink"), signal.SIGKILL)
            killed = True
        if killed and federation.supervisor.restarts["superlink"] == 1:
            (run / "go").touch()
    assert said == ["the run was lost (the SuperLink was restarted); it is submitted again"]
    first, second = lines(run / "starts.jsonl")
    assert second["words"] == ["resume=second", "stop.env_steps=1"]
    assert second["nodes"] == first["nodes"]
    assert len(lines(run / "answers.jsonl")) == 1


@pytest.mark.slow
def test_supernodes_that_were_switched_off_with_their_superlink_come_back(federation: Federation) -> None:
    """Such a SuperLink takes them for still there; they have to leave first, and wait until they can be heard."""
    supervisor, nodes = federation.supervisor, ("supernode-0", "supernode-1")
    before = supervisor.restarts
    for party in before:
        os.kill(supervisor.pid(party), signal.SIGSTOP)  # none sees another one end
    for party in before:
        os.kill(supervisor.pid(party), signal.SIGKILL)

    def up() -> bool:
        supervisor.tend()
        return all(supervisor.restarts[node] == before[node] + 1 for node in nodes) and all(
            answers(place) for place in federation.places[1:]
        )

    assert eventually(lambda: not answers(federation.address))
    host, _, port = federation.address.partition(":")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, int(port)))  # the SuperLink comes up last
        assert eventually(up, 60)
    for _ in federation.follow("all anew", "stop.env_steps=1").rows(print):
        supervisor.tend()
    assert len(lines(federation.folder / "runs" / "all anew" / "answers.jsonl")) == 1
    assert all(supervisor.restarts[node] == before[node] + 1 for node in nodes)


def test_a_supernode_with_another_key_is_refused(federation: Federation, tmp_path: Path) -> None:
    """Its certificate is the federation's own; but nobody told the SuperLink of its key."""
    for name in ("ca.crt", "party.crt", "party.key"):
        target = tmp_path / "supernode-1" / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((federation.folder / "certs" / "supernode-1" / name).read_bytes())
    make_node_key(tmp_path / "supernode-1")
    (port,) = free_ports(1)
    words = node_command(1, tmp_path, federation.address, tmp_path, f"127.0.0.1:{port}")
    with (tmp_path / "log").open("wb") as log:
        environment = {**os.environ, **ENVIRONMENT}
        done = subprocess.run(words, stdout=log, stderr=log, env=environment, cwd=ROOT, timeout=100, check=False)
    assert done.returncode != 0
    assert "the key is not supernode-1's (auth.key)" in (tmp_path / "log").read_text()


def test_a_superlink_of_another_federation_is_not_trusted(federation: Federation, tmp_path: Path) -> None:
    issue(make_authority(tmp_path), tmp_path / "submit", "submit", [], 90)
    identity = Identity(tmp_path / "submit")
    with (
        SuperLink(federation.address, identity) as link,
        pytest.raises(FederationError, match=r"is refused here: .*certificate verify failed"),
    ):
        link.start([])


def test_nobody_at_the_address() -> None:
    (port,) = free_ports(1)
    with SuperLink(f"127.0.0.1:{port}", None) as link:
        following = Following(link, [], "runs/x", Path("runs/x"), patience=0.5)
        began = time.monotonic()
        with pytest.raises(FederationError, match=rf"the SuperLink at 127.0.0.1:{port} cannot be reached: .*refused"):
            list(following.rows(print))
        assert time.monotonic() - began > 0.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], r"fedqmix superlink needs certs=DIR, the folder of superlink .*or insecure=true"),
        (["certs=certs", "insecure=true"], "exclude each other"),
        (["insecure=yes"], "insecure=yes must be true or false"),
        (["insecure=true", "listen=8000"], "listen=8000 must be host:port"),
        (["insecure=true", "wrold=a:1"], "unknown option 'wrold'; did you mean 'world'?"),
        (["certs=nowhere"], "ca.crt is missing"),
    ],
)
def test_mistakes_in_the_words_of_superlink(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        superlink_command(words)


def test_a_superlink_knows_every_supernode_by_a_name_and_a_key_of_its_own(tmp_path: Path) -> None:
    make_certificates(tmp_path, 2)
    keys = tmp_path / "superlink"
    (keys / "supernode-1.pub").write_bytes((keys / "supernode-0.pub").read_bytes())
    with pytest.raises(ConfigurationError, match=r"supernode-1.pub holds the key of supernode-0"):
        _prepare(tmp_path / "state", keys)
    (keys / "supernode-1.pub").rename(keys / "supernode-one.pub")
    with pytest.raises(ConfigurationError, match=r"supernode-one.pub must be called supernode-K.pub"):
        _prepare(tmp_path / "state", keys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["id=0"], "fedqmix supernode needs superlink=...: fedqmix supernode id=0 superlink="),
        (["id=x", "superlink=a:1", "agent=a:1", "insecure=true"], "id=x must be a whole number"),
        (["id=0", "superlink=a", "agent=a:1", "insecure=true"], "superlink=a must be host:port"),
        (["id=1", "superlink=a:1", "agent=a:1", "certs=certs/supernode-0"], "is the folder of supernode-0"),
    ],
)
def test_mistakes_in_the_words_of_supernode(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_certificates(tmp_path / "certs", 1)
    with pytest.raises(ConfigurationError, match=message):
        supernode_command(words)
