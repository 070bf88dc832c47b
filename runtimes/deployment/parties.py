"""Who takes part in a federation."""

from __future__ import annotations


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
