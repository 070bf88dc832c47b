"""Whoever is not of the federation gets no answer from Flower's ports, and a party gets those that are its own."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from flwr.cli.build import build_fab_from_files
from flwr.common.serde import fab_to_proto
from flwr.proto.control_pb2 import ListRunsRequest, StartRunRequest
from flwr.proto.fleet_pb2 import ActivateNodeRequest, PullMessagesRequest, PushMessagesRequest
from flwr.proto.message_pb2 import Message, Metadata, ObjectTree
from flwr.proto.node_pb2 import Node
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.fab import Fab
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.protobuf.translation import PROTOBUF_REQUEST_TYPES
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.deployment.parties import parties
from fedqmix.runtime.deployment.submission import SuperLink
from fedqmix.runtime.flower.app import bundle
from fedqmix.runtime.flower.closed_port import REFUSED
from fedqmix.runtime.transport.authority import NODE_KEY, issue, make_authority
from fedqmix.runtime.transport.identity import Identity, ssl_context
from support.echo_federation import ENVIRONMENT, Federation, echo_federation
from support.paths import SITES
from support.tagged import command_line, eventually

ASKED = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CONTROL = {"/v1/control/start-run", "/v1/control/list-runs", "/v1/control/stop-run"}
PAGES = {"/docs", "/openapi.json", "/", "/health/", "//v1/control/list-runs"}
PATHS = PAGES | {path for _, path in PROTOBUF_REQUEST_TYPES}


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """SuperNode 1 says that it is agent 0."""
    folder = tmp_path_factory.mktemp("federation")
    with echo_federation(folder, supernode_1={"FEDQMIX_TEST_AGENT": "0"}) as running:
        yield running


def answer(place: str, context: ssl.SSLContext | None) -> bytes:
    """Return all that comes back when health is asked for, over TLS or in plain text."""
    host, port = place.split(":")
    heard = b""
    try:
        with socket.create_connection((host, int(port)), 5) as plain:
            connection = context.wrap_socket(plain, server_hostname=host) if context else plain
            connection.sendall(ASKED)
            while part := connection.recv(4096):
                heard += part
    except OSError:
        return heard
    return heard


@pytest.mark.parametrize("port", [0, 1], ids=["superlink", "supernode"])
def test_whoever_shows_no_certificate_of_this_federation_gets_no_answer(
    federation: Federation, port: int, tmp_path: Path
) -> None:
    place = federation.places[port]
    authority = federation.folder / "certs" / "superlink" / "ca.crt"
    assert answer(place, None) == b""
    assert answer(place, ssl.create_default_context(cafile=str(authority))) == b""
    others = make_authority(tmp_path)
    for party in ("submit", "superlink", "supernode-0"):
        issue(others, tmp_path / party, party, [], 90)
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(tmp_path / party / "party.crt", tmp_path / party / "party.key")
        assert answer(place, context) == b""
    assert answer(place, ssl_context(federation.identity("submit"))).startswith(b"HTTP/1.1 200 OK")


def allowed(place: str, identity: Identity) -> set[str]:
    """Return the paths that are not refused to a party. Nothing is sent, so nothing comes of it."""
    found = set()
    with httpx.Client(verify=ssl_context(identity), base_url=f"https://{place}") as client:
        for path in PATHS:
            url = client.base_url.copy_with(raw_path=path.encode())
            reply = client.post(url, content=b"\xff", headers={"content-type": "application/protobuf"})
            assert reply.status_code >= 400, (path, reply)
            if reply.json().get("code") != REFUSED:
                found.add(path)
    return found


def test_the_certificate_decides_what_a_party_may_call(federation: Federation) -> None:
    runtime = {path for path in PATHS if path.startswith("/v1/runtime/")}
    link, node = {"submit": CONTROL - {"/v1/control/start-run"}, "superlink": runtime}, {"supernode-0": runtime}
    for party in parties(2):  # SuperNodes have to show their keys, too, and submit a bundle: below
        assert allowed(federation.places[0], federation.identity(party)) == link.get(party, set()), party
        assert allowed(federation.places[1], federation.identity(party)) == node.get(party, set()), party
        for place, name in zip(federation.places, ("superlink", "supernode-0"), strict=False):
            certs = f"certs={federation.identity(party).folder}"
            assert main(["health", place, f"party={name}", certs]) == 0


def test_only_submit_submits(federation: Federation, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"superlink={federation.address}", "follow=false", "strategy=a_pps", "run_dir=runs/by-command"]
    for party in ("agent-0", "supernode-0", "superlink"):
        assert main(["submit", *words, f"certs={federation.identity(party).folder}"]) == 2
        assert "the folder of submit is needed" in " ".join(capsys.readouterr().err.split())
        with (
            SuperLink(federation.address, federation.identity(party)) as link,
            pytest.raises(FederationError, match=rf"refuses this: .* certificate of submit; this one is of {party}"),
        ):
            link.start([])
    assert main(["submit", *words, f"certs={federation.identity('submit').folder}"]) == 0
    assert "submitted; run folder: runs/by-command" in capsys.readouterr().out
    assert eventually((federation.folder / "runs" / "by-command" / "progress.jsonl").exists, 60)


def fleet(federation: Federation, certificate: str, key: str) -> FleetHttpClient:
    """Return a SuperNode's client with one party's certificate and another one's key."""
    private = load_ssh_private_key((federation.folder / "certs" / key / NODE_KEY).read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return FleetHttpClient(
        f"https://{federation.address}",
        interceptors=[NodeAuthHttpInterceptor(private, private.public_key())],
        verify=ssl_context(federation.identity(certificate)),
    )


def public(federation: Federation, party: str) -> bytes:
    private = load_ssh_private_key((federation.folder / "certs" / party / NODE_KEY).read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return public_key_to_bytes(private.public_key())


def nodes(federation: Federation) -> dict[str, int]:
    """Return the node ids, as Flower gives them to who has the key."""
    found = {}
    for party in ("supernode-0", "supernode-1"):
        with fleet(federation, party, party) as client, pytest.raises(httpx.HTTPStatusError) as caught:
            client.ActivateNode(ActivateNodeRequest(public_key=public(federation, party), heartbeat_interval=30))
        assert caught.value.response.json().get("code") != REFUSED  # it is active already
        found[party] = int((federation.folder / f"node{party[-1]}" / "flower" / "node-id").read_text())
    return found


def test_a_supernode_is_its_own_node_only(federation: Federation) -> None:
    numbers = nodes(federation)
    for certificate, key in (("supernode-1", "supernode-0"), ("submit", "supernode-0"), ("agent-0", "supernode-0")):
        with fleet(federation, certificate, key) as client, pytest.raises(httpx.HTTPStatusError) as caught:
            client.PullMessages(PullMessagesRequest(node=Node(node_id=numbers["supernode-0"])))
        assert caught.value.response.json()["code"] == REFUSED
    with fleet(federation, "supernode-1", "supernode-1") as client:
        with pytest.raises(httpx.HTTPStatusError, match="401"):  # Flower's own check
            client.PullMessages(PullMessagesRequest(node=Node(node_id=numbers["supernode-0"])))
        with pytest.raises(httpx.HTTPStatusError) as caught:
            client.PushMessages(reply_of(numbers["supernode-0"], sender=numbers["supernode-1"]))
        assert caught.value.response.json()["detail"] == "a reply in the name of another node than supernode-1's."
        with pytest.raises(httpx.HTTPStatusError) as caught:  # its own: refused by Flower, as there is no such run
            client.PushMessages(reply_of(numbers["supernode-1"], sender=numbers["supernode-1"]))
        assert caught.value.response.json().get("code") != REFUSED


def reply_of(node: int, sender: int) -> PushMessagesRequest:
    """Return a reply in the name of a node, sent by another one."""
    proto = Message(metadata=Metadata(run_id=1, src_node_id=node, dst_node_id=1, message_id="m"))
    return PushMessagesRequest(node=Node(node_id=sender), messages_list=[proto], message_object_trees=[ObjectTree()])


def foreign_bundle(mark: Path) -> bytes:
    """Return a bundle whose apps write a file when they are imported."""
    project = """
[project]
name = "foreign"
version = "0.1.0"
dependencies = []
[tool.flwr.app]
publisher = "stranger"
[tool.flwr.app.components]
serverapp = "foreign:app"
clientapp = "foreign:app"
[tool.flwr.app.config]
overrides = ""
"""
    code = f"open({str(mark)!r}, 'a').write('imported')\n"
    return build_fab_from_files({"pyproject.toml": project.encode(), "foreign.py": code.encode()})[0]


def test_a_bundle_that_is_not_fedqmixs_own_is_refused_and_never_imported(
    federation: Federation, tmp_path: Path
) -> None:
    other_version = bundle().replace(b'version = "', b'version = "9')
    for app in (
        foreign_bundle(tmp_path / "mark"),
        bundle("support.echo_app:server", "support.echo_app:client"),
        other_version,
        b"",
    ):
        with SuperLink(federation.address, federation.identity("submit"), app) as link:
            with pytest.raises(FederationError, match=r"refuses this: the bundle .*all parties must run the same vers"):
                link.start([])
            with pytest.raises(FederationError, match="the bundle"):
                list(federation.follow("foreign", link=link).rows(print))
    assert not (tmp_path / "mark").exists()
    assert not (federation.folder / "runs" / "foreign").exists()
    assert not list((federation.folder / "link" / "flower").rglob("foreign*"))


@pytest.mark.parametrize("field", ["app_spec", "federation", "fab"])
def test_an_app_is_not_fetched_from_elsewhere(federation: Federation, field: str) -> None:
    fab = fab_to_proto(Fab(hashlib.sha256(bundle()).hexdigest(), bundle(), {}))
    asked = {
        "app_spec": StartRunRequest(fab=fab, app_spec="@flwrlabs/quickstart-numpy"),
        "federation": StartRunRequest(fab=fab, federation="@none/other"),
        "fab": StartRunRequest(fab=fab_to_proto(Fab(hashlib.sha256(bundle()).hexdigest(), b"", {}))),
    }
    context = ssl_context(federation.identity("submit"))
    with ControlHttpClient(f"https://{federation.address}", verify=context) as client:
        before = len(client.ListRuns(ListRunsRequest()).run_dict)
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            client.StartRun(asked[field])
        assert len(client.ListRuns(ListRunsRequest()).run_dict) == before


@pytest.mark.slow
def test_a_supernode_that_says_it_is_another_agent_is_not_believed(federation: Federation) -> None:
    list(federation.follow("liar", "seed=15").rows(print))
    found = json.loads((federation.folder / "runs" / "liar" / "roster.json").read_text())
    assert found["missing"] == [1]
    assert found["said"][0].startswith("the SuperNode of agent 1 says that it is agent 0; it is not believed")


@pytest.mark.slow
def test_bundles_that_a_superlink_lets_through_are_imported_by_nobody(tmp_path: Path) -> None:
    """The SuperLink's port takes the bundle: its ServerApp does not. That takes it, too: the SuperNodes do not."""
    blind = {"PYTHONPATH": f"{SITES / 'blind_site'}:{ENVIRONMENT['PYTHONPATH']}"}
    blind["FEDQMIX_TEST_BLIND"] = str(tmp_path / "blind")
    with echo_federation(tmp_path, superlink=blind) as federation:
        app = foreign_bundle(tmp_path / "mark")
        with SuperLink(federation.address, federation.identity("submit"), app) as link:
            with pytest.raises(FederationError, match=r"^the bundle \(sha256 \w+\) is not the bundle of"):
                list(federation.follow("first", link=link).rows(print))
            assert not (tmp_path / "runs" / "first").exists()
            (tmp_path / "blind").touch()
            with pytest.raises(
                FederationError, match=r"ForeignBundleError.*the bundle \(sha256 \w+\) is not the bundle of"
            ):
                list(federation.follow("second", link=link).rows(print))
            assert (tmp_path / "runs" / "second").exists()  # its ServerApp ran, as the installed one
        assert not (tmp_path / "mark").exists()
        assert not [path for path in tmp_path.rglob("*") if path.name == "apps"]  # nothing was unpacked


def test_a_head_without_end_is_cut_off(federation: Federation) -> None:
    """A header, many of them, and what may follow a body; a head of a usual length is answered."""
    start = b"POST /health HTTP/1.1\r\nHost: x\r\n"
    heads = (start + b"X: ", start, start + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"GET /health?")
    context = ssl_context(federation.identity("agent-0"))
    host, _, port = federation.address.partition(":")
    for head, more in zip(heads, (b"a", b"A: b\r\n", b"a", b"a"), strict=True):
        with socket.create_connection((host, int(port)), timeout=60) as plain:
            connection = context.wrap_socket(plain, server_hostname=host)
            connection.sendall(head)
            with pytest.raises((ConnectionError, ssl.SSLError)):
                connection.sendall(more * 10_000_000)
    assert eventually(lambda: "head is longer than" in federation.log("superlink"))
    assert answer(federation.address, context)


@pytest.mark.slow
@pytest.mark.parametrize("party", ["superlink", "supernode-0"])
def test_a_superexec_that_has_ended_is_started_again(federation: Federation, party: str) -> None:
    """Without one no app is ever started, while the SuperLink takes runs all the same."""
    service = psutil.Process(federation.supervisor.pid(party))

    def superexecs() -> list[psutil.Process]:
        return [one for one in service.children() if "quick_superexec" in command_line(one)]

    (first,) = superexecs()
    first.kill()
    rows = federation.follow(f"after the SuperExec of {party}", "stop.env_steps=2").rows(print)
    assert [row["env_step"] for row in rows if row is not None] == [1, 2]
    assert first not in superexecs()
