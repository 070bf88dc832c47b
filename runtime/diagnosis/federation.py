"""Checks for federations: Flower's programs, ports, certificates, containers, simulation."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from fedqmix.runtime.configuration.runs import LOGS, PARTIES
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.finding import Finding
from fedqmix.runtime.deployment.parties import LISTEN
from fedqmix.runtime.diagnosis.section import Section, extra
from fedqmix.runtime.storage.private import PRIVATE

FLOWER = ("flower-superlink", "flower-supernode", "flwr")
COMPOSE = (("docker", "compose"), ("podman", "compose"), ("podman-compose",))
ANSWER_S = 20.0


def federation(certs: Path, here: Path = Path()) -> Section:
    """Check the requirements of `fedqmix up`, and of parties on several machines.

    certs: the folder that `fedqmix certs` wrote. here: the folder that holds the parties' states by default.
    """
    findings = [_programs(), *(_port(party, place) for party, place in LISTEN.items()), *_certificates(certs)]
    findings += [*_keys(certs), *_states(here)]
    return Section("A federation (fedqmix up; world, mixer, agent, superlink on several machines)", findings)


def containers() -> Section:
    """Check the requirements of `docker compose up`."""
    return Section("A federation in containers (docker compose up)", [_compose()])


def simulation() -> Section:
    """Check the requirements of Flower's simulation."""
    ray = extra("Ray", "ray", "simulation", "`flwr run . local` simulates the nodes")
    return Section("Flower's simulation (flwr run . local)", [ray])


def _programs() -> Finding:
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    missing = [name for name in FLOWER if shutil.which(name, path=beside) is None]
    if missing:
        where = f"no {', '.join(missing)} beside {sys.executable}"
        return Finding("Flower's programs", False, where, "pip install --force-reinstall 'flwr>=1.41,<1.43'")
    return Finding("Flower's programs", True, ", ".join(FLOWER))


def _port(party: str, place: str) -> Finding:
    """Check that a party's default port is free; `fedqmix up` uses any free ports."""
    host, _, port = place.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
            probe.listen()
        except OSError as error:
            remedy = f"fedqmix {party} listen={host}:PORT ... with another port, or end the listening process: ss -ltnp"
            return Finding(f"port of {party}", False, f"{place}: {error.strerror}", remedy)
    return Finding(f"port of {party}", True, f"{place} is free")


def _certificates(certs: Path) -> list[Finding]:
    """Check every party's folder as the party itself does when it starts."""
    from fedqmix.runtime.transport.authority import ends_soon  # both here: they load cryptography
    from fedqmix.runtime.transport.identity import CERTIFICATE, Identity

    folders = sorted(file.parent for file in certs.glob(f"*/{CERTIFICATE}"))
    if not folders:
        return [Finding("certificates", True, f"none in {certs}; `fedqmix certs agents=N` makes them, `up` its own")]
    wrong = []
    for folder in folders:
        try:
            warning = ends_soon(Identity(folder).ends)
        except ConfigurationError as error:
            wrong.append(Finding(f"certificate of {folder.name}", False, str(error), f"fedqmix certs out={certs}"))
            continue
        if warning:
            remedy = f"fedqmix certs renew=true out={certs}"
            wrong.append(Finding(f"certificate of {folder.name}", False, warning, remedy))
    return wrong or [Finding("certificates", True, f"{len(folders)} in {certs}, all in order")]


def _keys(certs: Path) -> list[Finding]:
    """Find private keys that other users may read; a key's holder can act as its party."""
    open_ones = [key for key in sorted(certs.rglob("*.key")) if key.lstat().st_mode & PRIVATE]
    if not open_ones:
        return []
    found = f"{', '.join(map(str, open_ones))}: others may read {'it' if len(open_ones) == 1 else 'them'}"
    return [Finding("private keys", False, found, f"chmod go-rwx {shlex.join(map(str, open_ones))}")]


def _states(here: Path) -> list[Finding]:
    """Find folders with episodes, networks or logs that other users may read."""
    patterns = ("state", "state/*", "*-state", f"runs/*/{PARTIES}", f"runs/*/{LOGS}")
    folders = sorted(path for pattern in patterns for path in here.glob(pattern) if path.is_dir())
    federated = [path for path in folders if path.name != LOGS or (path.parent / PARTIES).is_dir()]
    reached = [path for path in federated if all(one.stat().st_mode & PRIVATE for one in (path, path.parent))]
    outer = [path for path in reached if not any(path.is_relative_to(other) for other in reached if other != path)]
    if not outer:
        return []
    words = f"{', '.join(map(str, outer))}: others may read private episodes, networks or logs"
    return [Finding("state folders", False, words, f"chmod -R go-rwx {shlex.join(map(str, outer))}")]


def _compose() -> Finding:
    for words in COMPOSE:
        if shutil.which(words[0]) is not None and (version := _first_line([*words, "version"])):
            return Finding("compose", True, f"{' '.join(words)}: {version}")
    return Finding(
        "compose", False, "neither docker compose nor podman compose", "# https://docs.docker.com/engine/install/"
    )


def _first_line(command: list[str]) -> str:
    """Return the first line of a command's output, empty when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ANSWER_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return next(iter(done.stdout.strip().splitlines()), "") if done.returncode == 0 else ""
