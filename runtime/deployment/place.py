"""The ServerApp's surroundings: addresses, certificate and patience."""

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
    """Addresses of world and mixer, and the server's certificate and patience for them.

    identity: None means plain text. patience: seconds. agent_services: addresses of the agents, for nodes that do not
    get them at their start. nodes: Flower's node id of each SuperNode -> the agent that its certificate and key stand
    for; None without certificates.
    """

    world: str
    mixer: str
    identity: Identity | None
    patience: float
    agent_services: AgentServices = TOLD
    nodes: Mapping[int, int] | None = None

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Place:
        """Read the FEDQMIX_... variables that `fedqmix superlink` sets.

        They are _WORLD, _MIXER, _RUNS, _CERTS with _NODES or _INSECURE, and _PATIENCE. Raises ConfigurationError.
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
    """Return FEDQMIX_PATIENCE in seconds, or the default."""
    return float(variables.get("FEDQMIX_PATIENCE", PATIENCE_S))
