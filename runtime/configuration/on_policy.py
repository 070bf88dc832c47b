"""Settings of algorithms that learn from the newest episodes, or whose actions are drawn from a policy."""

from __future__ import annotations

from fedqmix.conf.schema import AlgorithmConfig
from fedqmix.runtime.core.errors import ConfigurationError


def check_newest(algorithm: AlgorithmConfig) -> None:
    """Check that buffer and batch are the episodes collected together. Raises ConfigurationError."""
    collected = algorithm.parallel_episodes
    for name in ("batch_size", "buffer_size"):
        if (size := getattr(algorithm, name)) != collected:
            raise ConfigurationError(
                f"algorithm.{name}={size} with algorithm={algorithm.name}, which learns from the newest batch of "
                f"episodes alone, and algorithm.parallel_episodes={collected} are collected together: write "
                f"algorithm.{name}={collected}, or change algorithm.parallel_episodes."
            )


def check_drawn(algorithm: AlgorithmConfig) -> None:
    """Check that every training action is drawn from the policy. Raises ConfigurationError."""
    for name in ("epsilon_start", "epsilon_finish"):
        if (share := getattr(algorithm, name)) != 1:
            raise ConfigurationError(
                f"algorithm.{name}={share} with algorithm={algorithm.name}, which draws every training action from its "
                f"policy: write algorithm.{name}=1. Its exploration is algorithm.entropy_coefficient."
            )
