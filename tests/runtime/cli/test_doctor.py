"""`fedqmix doctor` on machines that really lack something."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from support.partial_site import distribution, game, partial_site, python_with
from support.paths import python_path


def doctor(
    *words: str, cwd: Path, python: Sequence[str] = (sys.executable,), environment: Mapping[str, str] | None = None
) -> tuple[int, dict[str, tuple[bool, str, list[str]]]]:
    """Return the exit status, and of each requirement whether it is met, what was found, and what to type."""
    environment = {**(environment or os.environ), "PYTHONIOENCODING": "utf-8", "PYTHONSAFEPATH": "1"}
    command = [*python, "-m", "fedqmix", "doctor", *words]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    found: dict[str, tuple[bool, str, list[str]]] = {}
    for line in done.stdout.splitlines():
        if line[2:4] in ("✓ ", "✗ "):
            name, _, said = line[4:].partition("  ")
            found[name.strip()] = (line[2] == "✓", said.strip(), [])
        elif line.startswith("      "):
            found[next(reversed(found))][2].append(line.strip())
    assert all(bool(remedy) != ok for ok, _, remedy in found.values())
    return done.returncode, found


def paths(*folders: Path) -> str:
    return os.pathsep.join(map(str, folders))


def test_a_machine_that_can_train_is_well(tmp_path: Path) -> None:
    status, found = doctor("map=3m", cwd=tmp_path, environment={**os.environ, "PYTHONPATH": python_path()})
    assert status == 0
    for name in ("Python", "packages", "device", "cores", "kernel cache", "run folders", "disk", "certificates"):
        assert found[name][0], found[name]
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"


def test_keys_and_states_that_others_may_read_are_told_with_what_to_type(tmp_path: Path) -> None:
    """And what is to be typed mends it."""
    assert main(["certs", "agents=1", f"out={tmp_path}/certs"]) == 0
    (tmp_path / "certs" / "ca.key").chmod(0o644)
    (tmp_path / "certs" / "supernode-0" / "auth.key").chmod(0o640)
    for folder in ("state/agent-0/a1/rounds", "mixer-state", "runs/a/state/mixer", "runs/a/logs", "runs/b/logs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "state").chmod(0o700)
    tmp_path.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": python_path()}
    _, found = doctor("map=3m", cwd=tmp_path, environment=environment)
    fine, keys, remedy = found["private keys"]
    assert not fine
    assert "certs/ca.key, certs/supernode-0/auth.key" in keys
    subprocess.run(*remedy, shell=True, cwd=tmp_path, check=True)
    fine, states, remedy = found["state folders"]
    assert not fine
    assert states.startswith("mixer-state, runs/a/logs, runs/a/state: ")  # into `state` nobody else can look
    subprocess.run(*remedy, shell=True, cwd=tmp_path, check=True)
    _, found = doctor("map=3m", cwd=tmp_path, environment=environment)
    assert "private keys" not in found
    assert "state folders" not in found


def test_each_thing_that_is_wrong_is_told_with_its_remedy(tmp_path: Path) -> None:
    site, sc2 = tmp_path / "site", game(tmp_path / "game", "8m")
    distribution(site, "smac", "2.3.1", "smac/__init__.py", "smac/facade/__init__.py")
    distribution(site, "protobuf", "3.20.3")
    certs = tmp_path / "certs"
    assert main(["certs", "agents=1", f"out={certs}"]) == 0
    (certs / "world" / "party.key").write_text("gone")
    (tmp_path / "file").touch()
    environment = {
        **os.environ,
        "PYTHONPATH": python_path(site),
        "SC2PATH": str(sc2),
        "NUMBA_CACHE_DIR": str(tmp_path / "file" / "cache"),
        "FLWR_TELEMETRY_ENABLED": "1",
    }
    environment.pop("FEDQMIX_SMAC_PATH", None)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 9101))
        taken.listen()
        status, found = doctor("map=3m", f"certs={certs}", cwd=tmp_path, environment=environment)
    assert status == 1
    assert "protobuf 3.20.3, but flwr needs <7.0.0,>=5.28.0" in found["packages"][1]
    assert not found["kernel cache"][0]
    assert found["kernel cache"][2] == ["export NUMBA_CACHE_DIR=$HOME/.cache/fedqmix"]
    assert found["port of world"][1].startswith("127.0.0.1:9101: Address already in use")
    assert "listen=127.0.0.1:PORT" in found["port of world"][2][0]
    assert found["port of mixer"][0]
    assert not found["certificate of world"][0]
    assert found["certificate of world"][2] == [f"fedqmix certs out={certs}"]
    assert "certificate of mixer" not in found
    assert found["telemetry of Flower"][2] == ["export FLWR_TELEMETRY_ENABLED=0"]
    assert found["SMAC"][1].startswith("AutoML's smac 2.3.1 instead")
    assert found["protobuf"][1] == "3.20.3; Flower needs 6"
    assert found["StarCraft II"][0]
    assert found["SMAC's maps"][2] == [f"scripts/install_sc2.sh --folder {sc2} --maps-only"]


def test_packages_that_are_missing_do_not_stop_it(tmp_path: Path) -> None:
    site = partial_site(tmp_path / "site", ("flwr", "numba", "torch", "pettingzoo", "ray"))
    python, environment = python_with(site, PATH=os.defpath)
    status, found = doctor(cwd=tmp_path, python=python, environment=environment)
    assert status == 1
    said = found["packages"][1]
    assert all(f"{name} is not installed (fedqmix needs it)" in said for name in ("flwr", "numba", "torch"))
    assert found["device"][1].startswith("cannot be loaded: No module named 'torch'")
    assert found["kernel cache"][1].startswith("cannot be loaded: No module named 'numba'")
    assert {"StarCraft II", "SMAC", "pysc2"} <= set(found)  # these are checked all the same
    assert found["PettingZoo"][2] == ["python scripts/install.py pettingzoo"]
    assert found["Ray"][2] == ["python scripts/install.py simulation"]


@pytest.mark.parametrize("words", [["mapp=3m"], ["map=3n"]])
def test_what_it_is_not_asked_for_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    assert "map" in capsys.readouterr().err
