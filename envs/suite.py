"""The interface of a suite: a family of tasks that share rules and settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec


class Suite(Protocol):
    """A family of tasks; `env` names it, `map` one of its tasks.

    Its settings are a dataclass beside its code (fedqmix.conf.registry), its defaults conf/env/NAME.yaml.
    """

    replayable: bool
    """Whether its worlds are Replayable."""
    open_names: bool
    """Whether names that `tasks` does not list are valid too where `spec` accepts them."""

    def tasks(self) -> Sequence[str]:
        """Return the tasks' names, of open ones the common; empty where a user makes them."""

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes of a task. Raises ConfigurationError for an unknown task."""

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """Build the world that plays a task's episodes.

        seed: fixes, with an episode's purpose and number, every random draw of that episode. sink: the only receiver
        of the global state and the team reward. threads: those that share a batch; results do not depend on it.
        Raises ConfigurationError for an unknown task.
        """

    def require(self, task: str, options: EnvConfig) -> None:
        """Check that this machine has everything the task needs, before anything starts.

        Raises ConfigurationError that lists the missing parts and the commands that install them.
        """

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Check settings that are impossible together. Raises ConfigurationError."""

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Return the type of each agent: [agents], the same in every episode.

        Raises ConfigurationError where agents have no types, or other ones in every episode.
        """
