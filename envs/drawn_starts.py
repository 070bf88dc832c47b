"""The check of settings in suites that draw the start of every episode."""

from __future__ import annotations

from fedqmix.conf.schema import EvaluationConfig
from fedqmix.runtime.core.errors import ConfigurationError


def require_varied(evaluation: EvaluationConfig, suite: str, placed: str) -> None:
    """Check that evaluations ask for no fixed starts. placed: what is drawn, such as "agents and landmarks".

    Raises ConfigurationError.
    """
    if evaluation.starts != "varied":
        raise ConfigurationError(
            f"evaluation.starts={evaluation.starts} with env={suite}: {placed} have no fixed starts, they are drawn "
            "for every episode. Write evaluation.starts=varied."
        )
