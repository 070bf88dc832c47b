"""The parties of a federation."""

from __future__ import annotations

LISTEN = {
    "superlink": "127.0.0.1:8000",
    "world": "127.0.0.1:9101",
    "mixer": "127.0.0.1:9102",
    "agent": "127.0.0.1:9103",
}
"""The default address of each service."""


def parties(agents: int) -> tuple[str, ...]:
    """Return the names of all parties in a federation of N agents, as in their certificates.

    `submit` is the party that submits runs; from world, mixer and agents it may request only their health.
    """
    return (
        "superlink",
        "world",
        "mixer",
        "submit",
        *(f"agent-{agent}" for agent in range(agents)),
        *(f"supernode-{agent}" for agent in range(agents)),
    )
