"""A run in Flower's simulation (`flwr run .`, local SuperLink): only nodes are simulated.

World, mixer and agents do not run there yet. They are started for the run, as the same processes as by `fedqmix up`,
and end with it. Flower's simulated nodes pass messages to the agents, as SuperNodes do.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flwr.serverapp import Grid
from flwr.superlink.grid import InMemoryGrid

from fedqmix.runtime.core.agent_services import AgentServices
from fedqmix.runtime.core.errors import ConfigurationError, FederationError
from fedqmix.runtime.deployment.one_machine import Deployment
from fedqmix.runtime.deployment.place import Place, patience
from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.processes import Supervisor
from fedqmix.runtime.transport.identity import Identity

NODES_WITHIN_S = 10.0
"""Seconds to wait for Flower's simulated nodes, before any process is started."""
LOOK_S = 0.1


def simulated(grid: Grid, variables: Mapping[str, str]) -> bool:
    """Return whether Flower simulates the nodes, and the other services do not run.

    FEDQMIX_WORLD would name them; FEDQMIX_CERTS or FEDQMIX_INSECURE is set when an operator started the SuperLink.
    """
    started_by_us = ("FEDQMIX_WORLD", "FEDQMIX_CERTS", "FEDQMIX_INSECURE")
    return isinstance(grid, InMemoryGrid) and not any(name in variables for name in started_by_us)


def require_nodes(grid: Grid, agents: int) -> None:
    """Wait until every agent has a node. Raises ConfigurationError when there are too few."""
    deadline = time.monotonic() + NODES_WITHIN_S
    while (nodes := len(list(grid.get_node_ids()))) < agents:
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"the team has {agents} agents, and Flower simulates {nodes} nodes: add --federation-config "
                f"'num-supernodes={agents}' to flwr run."
            )
        time.sleep(LOOK_S)


@contextmanager
def started(folder: Path, agents: int, note: Callable[[str], None]) -> Iterator[Place]:
    """Run world, mixer and agents while the context lasts, with TLS certificates for this run.

    folder: the run folder, absolute, with logs/ and state/ as for `fedqmix up`. note: receives a sentence when a
    process died. Raises FederationError when the services do not become ready.
    """
    with ExitStack() as stack:
        supervisor = stack.enter_context(Supervisor(note))
        certs = supervisor.private_folder()
        make_certificates(certs, agents)
        deployment = Deployment(folder, agents, certs, flower=False, sockets=certs)
        bear = patience(os.environ)
        deployment.start(supervisor, bear)
        stack.enter_context(_tended(supervisor, note))
        identity = Identity(certs / "superlink")
        agent_services = AgentServices(tuple(deployment.places[f"agent-{k}"] for k in range(agents)), str(certs))
        yield Place(deployment.places["world"], deployment.places["mixer"], identity, bear, agent_services)


@contextmanager
def _tended(supervisor: Supervisor, note: Callable[[str], None]) -> Iterator[None]:
    """Restart dead processes from a thread; the ServerApp's own thread runs the rounds."""
    ended = threading.Event()

    def tend() -> None:
        while not ended.wait(LOOK_S):
            try:
                supervisor.tend()
            except FederationError as error:  # the run itself reports a missing party
                note(str(error))
                return

    thread = threading.Thread(target=tend, name="supervisor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
