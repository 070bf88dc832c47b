"""What is replaced inside Flower to keep strangers out is there and in use; where it is not, nothing starts."""

import importlib
import inspect
import json
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.flower import closed_port, internals, own_apps, own_certificate, quick_supernode, superlink
from fedqmix.runtime.flower.access import supernode_access
from fedqmix.runtime.flower.closed_port import CALLER, Access, Guard, every_party
from fedqmix.runtime.transport.identity import Identity


def source(module: str) -> str:
    return inspect.getsource(importlib.import_module(module))


def test_this_version_of_flower_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    internals.require_tested()
    monkeypatch.setattr(metadata, "version", lambda _: "1.43.0")
    with pytest.raises(ConfigurationError, match=r"flwr 1\.43\.0 is installed.*does not start"):
        internals.require_tested()


def test_the_names_that_are_replaced_are_used_by_flower() -> None:
    assert "    uvicorn.run(\n        app=" in source("flwr.superlink.cli.flower_superlink")
    assert "subprocess.Popen(command" in source("flwr.superlink.cli.flower_superlink")
    supernode = source("flwr.supernode.cli.flower_supernode")
    assert "server = uvicorn.Server(\n        uvicorn.Config(\n            app=" in supernode
    for program, names in {
        "flwr.superlink.runtime.run_serverapp": (
            "install_from_fab(fab.content, ",
            "get_project_config(app_path)",
            "get_fused_config_from_dir(",
            " = run_(",
        ),
        "flwr.supernode.runtime.run_clientapp": ("install_from_fab(fab.content, ", "get_load_client_app_fn("),
        "flwr.supercore.protobuf.client": ("httpx.Client(\n            verify=verify", "return cls("),
    }.items():
        assert all(name in source(program) for name in names), program
    for program in ("flwr.superlink.runtime.run_serverapp", "flwr.supernode.runtime.run_clientapp"):
        assert source(program).count("load_app(") == 0


@pytest.mark.parametrize("missing", ["uvicorn", "subprocess"])
def test_a_superlink_that_cannot_be_closed_does_not_start(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificates(tmp_path, 1)
    program = importlib.import_module("flwr.superlink.cli.flower_superlink")
    monkeypatch.setattr(program, "flower_superlink", lambda: pytest.fail("it has started"))
    for name in ("uvicorn", "subprocess"):  # closing replaces them: monkeypatch puts them back
        monkeypatch.setattr(program, name, getattr(program, name))
    monkeypatch.delattr(program, missing)
    with pytest.raises(ConfigurationError, match=f"has no flwr.superlink.cli.flower_superlink.{missing}"):
        superlink.run([], Identity(tmp_path / "superlink"), {})


def test_a_supernode_that_cannot_be_closed_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_certificates(tmp_path, 1)
    program = importlib.import_module("flwr.supernode.cli.flower_supernode")
    monkeypatch.setattr(own_certificate, "show", lambda _: None)
    monkeypatch.setattr(program, "flower_supernode", lambda: pytest.fail("it has started"))
    monkeypatch.delattr(program, "uvicorn")
    with pytest.raises(ConfigurationError, match=r"has no flwr.supernode.cli.flower_supernode.uvicorn"):
        quick_supernode.run([], "127.0.0.1:1", tmp_path, tmp_path / "supernode-0")


def test_an_app_that_cannot_be_replaced_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for program, only in {
        "flwr.superlink.runtime.run_serverapp": own_apps.only_installed_serverapp,
        "flwr.supernode.runtime.run_clientapp": own_apps.only_installed_clientapp,
    }.items():
        module = importlib.import_module(program)
        before = dict(vars(module))
        monkeypatch.delattr(module, "install_from_fab")
        with pytest.raises(ConfigurationError, match=f"has no {program}.install_from_fab"):
            only()
        assert vars(module) == {name: value for name, value in before.items() if name != "install_from_fab"}


def test_a_server_is_closed_whatever_flower_asks_for(tmp_path: Path) -> None:
    make_certificates(tmp_path, 1)
    identity = Identity(tmp_path / "supernode-0")
    made = closed_port.closed_stand_in(identity, supernode_access("supernode-0"))
    open_options = {"http": "h11", "ws": "auto", "ssl_certfile": None, "ssl_keyfile": None, "ssl_cert_reqs": 0}
    config = made.Config(app=lambda *_: None, **open_options)
    config.load()
    assert (config.ssl.verify_mode, config.ws, config.http) == (2, "none", closed_port.KnownCallers)
    assert isinstance(config.app, Guard)
    assert not set(vars(made)) - {"run", "Config", "Server"}
    assert made.Server is uvicorn.Server


async def _refused(scope: dict[str, object]) -> list[dict[str, object]]:
    sent: list[dict[str, object]] = []

    async def app(*_: object) -> None:
        pytest.fail("it was let through")

    async def send(event: dict[str, object]) -> None:
        sent.append(event)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    await Guard(app, Access({"/health": every_party}))(scope, receive, send)  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "http", "path": "/health"},  # the name of the caller is missing: another protocol served it
        {"type": "http", "path": "/health", CALLER: ""},
        {"type": "http", "path": "/v1/unknown", CALLER: "superlink"},
        {"type": "websocket", "path": "/health", CALLER: "superlink"},
    ],
)
def test_what_is_not_known_is_refused(scope: dict[str, object]) -> None:
    import asyncio

    start, body = asyncio.run(_refused({"headers": [], **scope}))
    assert start["status"] == 403
    assert json.loads(bytes(body["body"]))["code"] == 0  # type: ignore[arg-type]


def test_the_common_name_counts_only_when_there_is_one() -> None:
    for subject, name in (
        ((), ""),
        (((("commonName", "a"),),), "a"),
        (((("commonName", "a"),), (("commonName", "b"),)), ""),
    ):
        assert closed_port._name({"subject": subject}) == name
    assert closed_port._name(None) == ""


def test_flowers_clients_show_the_certificate_and_never_speak_plain_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificates(tmp_path, 1)
    client = importlib.import_module("flwr.supercore.protobuf.client")
    seen: list[SimpleNamespace] = []

    class Client:
        def __init__(self, base_url: str, **options: object) -> None:
            seen.append(SimpleNamespace(url=base_url, **options))
            self._client = SimpleNamespace(send=None)

    monkeypatch.setattr(client, "ProtobufClient", Client)
    own_certificate.show(Identity(tmp_path / "supernode-0"))
    Client("https://a:1", verify=False)
    assert seen[0].verify.check_hostname
    with pytest.raises(ConfigurationError, match="connects with TLS only"):
        Client("http://a:1")
