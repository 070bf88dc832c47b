"""The addresses of agent services, for nodes that Flower simulates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AgentServices:
    """The entries of the plan for simulated nodes.

    places: agent -> "host:port"; the node with partition-id k calls agent k. certs: a folder of this machine
    with a folder of certificates for each party ("supernode-0", ...); "": no encryption.
    """

    places: tuple[str, ...] = ()
    certs: str = ""


TOLD = AgentServices()
"""The empty entries, for nodes with their agent's address in their own configuration."""
