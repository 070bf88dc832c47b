"""The services of a federation on one machine: their commands, ports and order of starting."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from fedqmix.runtime.configuration.allowed import NOTHING, Allowed
from fedqmix.runtime.configuration.runs import LOGS, PARTIES
from fedqmix.runtime.flower.environment import source_path
from fedqmix.runtime.processes import Service, Supervisor, answers, free_ports, serving
from fedqmix.runtime.storage.private import private_folder
from fedqmix.runtime.transport.identity import Identity
from fedqmix.runtime.transport.local_socket import local_path
from fedqmix.runtime.transport.security import channel

HOST = "127.0.0.1"
LONGEST_NAME = "mixer"
"""Of the parties that listen on local sockets, one with the longest name."""
HOLD_S = 1.0
"""Seconds that a simulated node waits for its agent before it makes room for another. Flower simulates only a few nodes
at once (as its resources allow, and at most four more than processors), but all agents of a team that plays together
must have been asked."""


class Deployment:
    """World, mixer, SuperLink, N agents and their SuperNodes, on free ports of this machine.

    With flower=False only world, mixer and agents, for nodes that Flower simulates.

    logs: the folder with one file for each service. superlink: "host:port" for submissions.
    """

    def __init__(
        self,
        folder: Path,
        agents: int,
        certs: Path | None,
        *,
        flower: bool = True,
        allowed: Allowed = NOTHING,
        sockets: Path | None = None,
    ) -> None:
        """Choose ports; nothing is started yet.

        folder: the run folder, absolute. agents: N. certs: the folder of the parties' certificate folders; None:
        plain text. flower: with SuperLink and SuperNodes. allowed: the code that submitted runs may name.
        sockets: a private folder for local sockets; None: gRPC alone, as also where they cannot be used.
        """
        self.logs = folder / LOGS
        self._state = folder / PARTIES
        self._runs = folder.parent
        self._certs = certs
        self._asker = None if certs is None else Identity(certs / "superlink")
        parties = ["world", "mixer", "superlink", *(f"agent-{k}" for k in range(agents))]
        self._places = {party: f"{HOST}:{port}" for party, port in zip(parties, free_ports(len(parties)), strict=True)}
        self._agents = range(agents)
        self._flower, self._allowed = flower, allowed
        self._sockets = sockets if local_path(sockets, LONGEST_NAME) else None

    @property
    def superlink(self) -> str:
        """The address of the SuperLink."""
        return self._places["superlink"]

    @property
    def places(self) -> dict[str, str]:
        """The address "host:port" of each party."""
        return dict(self._places)

    def coupling_services(self) -> list[Service]:
        """Return only mixer and world."""
        return [self._mixer(), self._world()]

    def services(self) -> list[Service]:
        """Return all services in the order of starting."""
        return [service for stage in self._stages() for service in stage]

    def start(self, supervisor: Supervisor, patience: float) -> None:
        """Start all services; return when every one is ready.

        Only their owner can access logs and states. Raises FederationError as `Supervisor.start` does.
        """
        for folder in (self.logs, self._state):
            private_folder(folder)
        for stage in self._stages():
            supervisor.start(stage, patience)

    def _stages(self) -> list[list[Service]]:
        # SuperNodes start last: one that finds no SuperLink waits longer than the SuperLink takes to start.
        if not self._flower:
            return [[self._mixer(), self._world(), *(self._agent(number, HOLD_S) for number in self._agents)]]
        return [
            [self._mixer(), self._world(), self._superlink(), *map(self._agent, self._agents)],
            [self._supernode(number) for number in self._agents],
        ]

    def _mixer(self) -> Service:
        return self._own("mixer", ["mixer", *self._allow(), *self._keeping("mixer"), *self._locally()])

    def _world(self) -> Service:
        return self._own("world", ["world", f"mixer={self._places['mixer']}", *self._allow(), *self._locally()])

    def _agent(self, number: int, hold: float | None = None) -> Service:
        party = f"agent-{number}"
        words = ["agent", f"id={number}", *self._coupling(), *self._allow(), *self._keeping(party), *self._locally()]
        return self._own(party, words if hold is None else [*words, f"hold={hold:g}"])

    def _superlink(self) -> Service:
        words = ["superlink", f"listen={self.superlink}", *self._coupling(), f"runs={self._runs}"]
        return self._service(
            "superlink", [*words, *self._allow(), *self._keeping("superlink")], lambda: answers(self.superlink)
        )

    def _supernode(self, number: int) -> Service:
        party = f"supernode-{number}"
        place = f"{HOST}:{free_ports(1)[0]}"
        words = ["supernode", f"id={number}", f"superlink={self.superlink}", f"agent={self._places[f'agent-{number}']}"]
        words += [f"listen={place}", *self._keeping(party)]
        return self._service(party, words, lambda: answers(place))

    def _own(self, party: str, words: list[str]) -> Service:
        """Return a service of ours, which reports by gRPC whether it is ready."""

        def ready() -> bool:
            with channel(self._asker, self._places[party], party) as connection:
                return serving(connection)

        return self._service(party, [*words, f"listen={self._places[party]}"], ready)

    def _service(self, party: str, words: list[str], ready: Callable[[], bool]) -> Service:
        secure = "insecure=true" if self._certs is None else f"certs={self._certs / party}"
        command = [sys.executable, "-m", "fedqmix", *words, secure]
        # Otherwise `python -m` would search the working directory for modules first.
        environment = {**source_path(), "PYTHONSAFEPATH": "1"}
        return Service(party, command, self.logs / f"{party}.log", ready, environment)

    def _allow(self) -> list[str]:
        return [f"allow={self._allowed.text}"] if self._allowed.text else []

    def _coupling(self) -> list[str]:
        return [f"{party}={self._places[party]}" for party in ("world", "mixer")]

    def _locally(self) -> list[str]:
        return [] if self._sockets is None else [f"sockets={self._sockets}"]

    def _keeping(self, party: str) -> list[str]:
        return [f"state={self._state / party}"]
