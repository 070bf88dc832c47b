"""Where the ServerApp runs and whom it can reach."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fedqmix.runtime.core.agent_services import TOLD, AgentServices
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.transport.calls import PATIENCE_S
from fedqmix.runtime.transport.identity import Identity


@dataclass(frozen=True)
class Place:
    """Addresses of world and mixer, who the server is to them, and how long it bears with them.

    doors: where the agents are, for nodes that are not told it. nodes: Flower's number of each SuperNode and the agent
    that its certificate and key stand for; None where nobody proves who it is.
    """

    world: str
    mixer: str
    identity: Identity | None
    patience: float
    agent_services: AgentServices = TOLD
    nodes: Mapping[int, int] | None = None

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Place:
        """Read FEDQMIX_WORLD, _MIXER, _CERTS and _NODES or _INSECURE, _PATIENCE, as `fedqmix superlink` sets them.

        Raises ConfigurationError.
        """
        missing = [name for name in ("FEDQMIX_WORLD", "FEDQMIX_MIXER", "FEDQMIX_RUNS") if not variables.get(name)]
        if missing:
            raise ConfigurationError(
                f"the SuperLink was started without {', '.join(missing)}: start it with `fedqmix superlink world=... "
                "mixer=... runs=...`."
            )
        certs = variables.get("FEDQMIX_CERTS")
        if not certs and variables.get("FEDQMIX_INSECURE") != "1":
            raise ConfigurationError("the SuperLink was started without certificates: certs=DIR, or insecure=true.")
        if certs and not variables.get("FEDQMIX_NODES"):
            raise ConfigurationError(
                "FEDQMIX_NODES is not set, so no SuperNode is known to stand for an agent: start the SuperLink with "
                "`fedqmix superlink certs=DIR`."
            )
        return cls(
            variables["FEDQMIX_WORLD"],
            variables["FEDQMIX_MIXER"],
            Identity(Path(certs)) if certs else None,
            patience(variables),
            nodes={int(node): int(agent) for node, agent in json.loads(variables["FEDQMIX_NODES"]).items()}
            if certs
            else None,
        )


def patience(variables: Mapping[str, str]) -> float:
    """Return FEDQMIX_PATIENCE, seconds, or what is usual."""
    return float(variables.get("FEDQMIX_PATIENCE", PATIENCE_S))
