"""The schedule of epsilon-greedy exploration, by the environment steps of the whole team."""

from __future__ import annotations

from typing import Protocol


class ExplorationSettings(Protocol):
    """The settings of exploration (conf.schema.AlgorithmConfig has them)."""

    epsilon_start: float
    epsilon_finish: float
    epsilon_anneal_steps: int


def epsilon(settings: ExplorationSettings, env_steps: int) -> float:
    """Return the exploration rate: linear in the environment steps from epsilon_start to epsilon_finish."""
    done = min(1.0, env_steps / settings.epsilon_anneal_steps)
    return settings.epsilon_start + done * (settings.epsilon_finish - settings.epsilon_start)
