"""Where agents are found by nodes that are not told it when they are started: those that Flower simulates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AgentServices:
    """What the plan tells a simulated node.

    places: agent -> "host:port"; the node with partition-id k is the door of agent k. certs: a folder of this machine
    with a folder of certificates for each party ("supernode-0", ...); "": no encryption.
    """

    places: tuple[str, ...] = ()
    certs: str = ""


TOLD = AgentServices()
"""For nodes that know where their agents are."""
