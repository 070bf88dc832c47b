"""Learning methods, one folder each: an agent half, a team half, and the rows between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedqmix.runtime.core.lazy import lazily

if TYPE_CHECKING:
    from fedqmix.algorithms.registry import (
        ALGORITHMS,
        AgentHalf,
        Algorithm,
        AlgorithmSettings,
        QLearningAgent,
        QLearningTeam,
        TeamHalf,
        find_algorithm,
        make_networks,
        make_team_half,
    )

__all__ = [
    "ALGORITHMS",
    "AgentHalf",
    "Algorithm",
    "AlgorithmSettings",
    "QLearningAgent",
    "QLearningTeam",
    "TeamHalf",
    "find_algorithm",
    "make_networks",
    "make_team_half",
]

__getattr__ = lazily(__name__, "registry", __all__)
