"""A run in Flower's simulation (`flwr run .` on a local SuperLink): only the nodes are simulated.

Nobody has started a world, a mixer and agents there. So they are started for the run, the same processes as those of
`fedqmix up`, and end with it. Flower's nodes are the agents' doors, as SuperNodes are.
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
"""Flower simulates its nodes from the start; they are counted before anything else is started."""
LOOK_S = 0.1


def simulated(grid: Grid, variables: Mapping[str, str]) -> bool:
    """Tell whether Flower simulates the nodes and nobody has started the rest.

    FEDQMIX_WORLD would name it; FEDQMIX_CERTS or FEDQMIX_INSECURE says that an operator started the SuperLink.
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
    """Run world, mixer and agents while the context lasts; they speak TLS with certificates made for this run.

    folder: the run folder, absolute: logs/ and state/ are there as after `fedqmix up`. note: told when one of the
    processes died. Raises FederationError when they do not get ready.
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
    """Start processes again that die, from a thread: the ServerApp's own is busy with the rounds."""
    ended = threading.Event()

    def tend() -> None:
        while not ended.wait(LOOK_S):
            try:
                supervisor.tend()
            except FederationError as error:  # the run notices by itself that somebody stays away
                note(str(error))
                return

    thread = threading.Thread(target=tend, name="supervisor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
