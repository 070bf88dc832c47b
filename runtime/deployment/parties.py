"""Who takes part in a federation."""

from __future__ import annotations

LISTEN = {
    "superlink": "127.0.0.1:8000",
    "world": "127.0.0.1:9101",
    "mixer": "127.0.0.1:9102",
    "agent": "127.0.0.1:9103",
}
"""Where each listens unless told otherwise."""


def parties(agents: int) -> tuple[str, ...]:
    """Return the names of everybody in a federation of so many agents, as certificates name them.

    `submit` is whoever submits runs: it may ask how the others are, and nothing else of world, mixer and agents.
    """
    return (
        "superlink",
        "world",
        "mixer",
        "submit",
        *(f"agent-{agent}" for agent in range(agents)),
        *(f"supernode-{agent}" for agent in range(agents)),
    )
