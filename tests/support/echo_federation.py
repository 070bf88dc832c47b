"""A real SuperLink with two SuperNodes, TLS and client certificates, that run tests/support/echo_app.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.deployment.following import Following
from fedqmix.runtime.deployment.submission import SuperLink
from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.processes import Service, Supervisor, answers, free_ports
from fedqmix.runtime.transport.identity import Identity
from support.paths import SITES, python_path
from support.tagged import TAG, eventually, new_tag, tagged

ENVIRONMENT = {"PYTHONPATH": python_path(SITES / "echo_site")}


@dataclass
class Federation:
    """What a test needs to know of the federation that is up. places: of the SuperLink and the SuperNodes."""

    folder: Path
    supervisor: Supervisor
    link: SuperLink
    places: list[str]

    @property
    def address(self) -> str:
        """Where the SuperLink listens."""
        return self.places[0]

    def identity(self, party: str) -> Identity:
        """A party's certificate."""
        return Identity(self.folder / "certs" / party)

    def follow(self, name: str, *overrides: str, link: SuperLink | None = None) -> Following:
        """A run in the folder `name`, not submitted yet."""
        words = [*overrides, f"run_dir={quoted(name)}"]
        return Following(link or self.link, words, name, self.folder / "runs" / name, patience=60)

    def log(self, party: str) -> str:
        """What a party has said."""
        return (self.folder / f"{party}.log").read_text()


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "fedqmix", *words]


def node_command(number: int, certs: Path, superlink: str, folder: Path, listen: str) -> list[str]:
    words = [f"id={number}", f"superlink={superlink}", f"agent=127.0.0.1:{7000 + number}", f"listen={listen}"]
    return command("supernode", *words, f"certs={certs}/supernode-{number}", f"state={folder}/node{number}")


@contextmanager
def echo_federation(folder: Path, **more: Mapping[str, str]) -> Iterator[Federation]:
    """Run a SuperLink and two SuperNodes. At the end none of all their processes may be left, and no port.

    more: variables for one party's environment, by its name with `_` for `-`.
    """
    (folder / "runs").mkdir()
    certs, tag = folder / "certs", new_tag()
    make_certificates(certs, 2)
    places = [f"127.0.0.1:{port}" for port in free_ports(3)]
    words = ["superlink", f"certs={certs}/superlink", f"listen={places[0]}", f"runs={folder}/runs"]
    words += [f"state={folder}/link", "world=127.0.0.1:1", "mixer=127.0.0.1:2"]
    told = {**ENVIRONMENT, TAG: tag, "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.05"}

    def service(party: str, words: list[str], place: str) -> Service:
        variables = {**told, **more.get(party.replace("-", "_"), {})}
        return Service(party, words, folder / f"{party}.log", lambda: answers(place), variables)

    nodes = [
        service(f"supernode-{k}", node_command(k, certs, places[0], folder, places[k + 1]), places[k + 1])
        for k in range(2)
    ]
    with Supervisor(print) as supervisor, SuperLink(places[0], Identity(certs / "submit")) as link:
        supervisor.start([service("superlink", command(*words), places[0])], 120)
        supervisor.start(nodes, 120)
        yield Federation(folder, supervisor, link, places)
        assert eventually(lambda: len(tagged(tag)) >= 6)  # SuperLink, SuperNodes, and a SuperExec for each
    assert not tagged(tag)
    assert not any(answers(place) for place in places)
