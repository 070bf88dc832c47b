"""`fedqmix compose`: the file for any map, and the one that is committed."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.deployment.compose_file import compose_file
from fedqmix.runtime.deployment.parties import parties

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", params=[3, 10])
def composed(request: pytest.FixtureRequest) -> dict[str, Any]:
    return yaml.safe_load(compose_file("map=3m", request.param)) | {"agents": request.param}


def test_the_committed_file_is_what_the_command_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", "map=3m", "out=-"]) == 0
    assert capsys.readouterr().out == (ROOT / "docker-compose.yml").read_text()


def test_there_is_a_service_for_every_party(composed: dict[str, Any]) -> None:
    assert set(composed["services"]) == {*parties(composed["agents"]), "train"} - {"submit"}


def test_who_shares_a_network_with_whom(composed: dict[str, Any]) -> None:
    """The world reaches the mixer, agents reach both, a SuperNode reaches the SuperLink and its own agent; no more."""
    networks = {name: set(service["networks"]) for name, service in composed["services"].items()}
    met = {frozenset(pair) for pair in combinations(networks, 2) if networks[pair[0]] & networks[pair[1]]}
    agents = range(composed["agents"])
    central = ("superlink", "world", "mixer", "train")
    wanted = {frozenset(pair) for pair in combinations(central, 2)}
    wanted |= {frozenset((f"agent-{k}", other)) for k in agents for other in ("world", "mixer", f"supernode-{k}")}
    wanted |= {frozenset((f"supernode-{k}", "superlink")) for k in agents}
    assert {pair for pair in met if not all(name.startswith("supernode") for name in pair)} == wanted
    assert set().union(*networks.values()) == set(composed["networks"])
    assert all(network["internal"] for network in composed["networks"].values())


def test_networks_have_addresses_of_their_own(composed: dict[str, Any]) -> None:
    texts = [network["ipam"]["config"][0]["subnet"] for network in composed["networks"].values()]
    subnets = [ip_network(text.replace("${FEDQMIX_NET:-10.77}", "10.77")) for text in texts]
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))
    assert min(subnet.num_addresses for subnet in subnets) == 16  # four parties, and the engine's own three


def test_every_service_is_locked_down_and_asked_for_its_health(composed: dict[str, Any]) -> None:
    for name, service in composed["services"].items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == "${FEDQMIX_UID:-1000}:${FEDQMIX_GID:-1000}"
        assert "ports" not in service
        if name == "train":
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"][:3] == ["CMD", "fedqmix", "health"]
            assert f"party={name}" in service["healthcheck"]["test"]


def test_nobody_is_given_anothers_secrets(composed: dict[str, Any], tmp_path: Path) -> None:
    assert main(["certs", f"agents={composed['agents']}", f"out={tmp_path}/certs"]) == 0
    declared = {name: secret["file"] for name, secret in composed["secrets"].items()}
    used = set()
    for name, service in composed["services"].items():
        for use in service["secrets"]:
            path = declared[use["source"]].replace("${FEDQMIX_CERTS:-./certs}/", "")
            owner = "submit" if name == "train" else name
            assert path == "ca.crt" or path.startswith(f"{owner}/")
            assert use["target"] == f"/run/certs/{Path(path).name}"
            assert (tmp_path / "certs" / path).is_file()
            used.add(use["source"])
    assert used == set(declared)


def test_private_volumes_are_their_owners(composed: dict[str, Any]) -> None:
    users: dict[str, list[str]] = {name: [] for name in composed["volumes"]}
    for name, service in composed["services"].items():
        for volume in service.get("volumes", []):
            users[volume.split(":")[0]].append(name)
    own = {f"agent-{k}": [f"agent-{k}"] for k in range(composed["agents"])}
    assert users == {
        "runs": ["superlink", "train"],
        "kernels": ["world"],
        "superlink": ["superlink"],
        "mixer": ["mixer"],
        **own,
    }
    assert composed["services"]["train"]["volumes"] == ["runs:/runs:ro"]


def test_starting_waits_for_no_circle(composed: dict[str, Any]) -> None:
    waits = {name: set(service.get("depends_on", {})) for name, service in composed["services"].items()}
    started: set[str] = set()
    while ready := {name for name, others in waits.items() if others <= started} - started:
        started |= ready
    assert started == set(waits)


def test_the_gpu_file_names_services_that_there_are() -> None:
    override = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
    base = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert set(override["services"]) <= set(base["services"])
    assert override["services"]["train"]["command"].startswith(base["services"]["train"]["command"])


def test_a_file_is_not_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "docker-compose.yml"
    assert main(["compose", "map=MMM2", f"out={out}"]) == 0
    assert "agent-9:" in out.read_text()
    assert "agent-10:" not in out.read_text()
    out.write_text("services: {}\n")
    assert main(["compose", "map=MMM2", f"out={out}"]) == 2
    assert out.read_text() == "services: {}\n"
    assert main(["compose", "map=3m", f"out={out}", "replace=true"]) == 0
    assert "compose map=3m" in out.read_text()
    capsys.readouterr()
    assert main(["compose", "map=MM2"]) == 2
    assert "did you mean 'MMM2'?" in capsys.readouterr().err
    assert main(["compose", "mpa=3m"]) == 2
    assert "did you mean 'map'?" in capsys.readouterr().err
