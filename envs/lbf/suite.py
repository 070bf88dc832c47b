"""env=lbf: level-based foraging, tasks by name as in the package lbforaging."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs.drawn_starts import require_varied
from fedqmix.envs.lbf.layout import spec_of
from fedqmix.envs.lbf.options import LbfOptions
from fedqmix.envs.lbf.tasks import TASKS, find_task
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec


class LbfSuite:
    """The suite of env=lbf; see fedqmix.envs.suite.Suite."""

    replayable = True
    open_names = True

    def tasks(self) -> Sequence[str]:
        """Return the names of common tasks."""
        return TASKS

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes of a task. Raises ConfigurationError as `find_task`."""
        assert isinstance(options, LbfOptions)
        return spec_of(task, options)

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """Build the world. Raises ConfigurationError as `find_task`."""
        from fedqmix.envs.lbf.world import LbfWorld  # compiles or loads kernels, which only playing needs

        assert isinstance(options, LbfOptions)
        return LbfWorld(task, seed, options, sink, threads)

    def require(self, task: str, options: EnvConfig) -> None:
        """Check the task. Raises ConfigurationError as `find_task`; nothing else can be missing."""
        assert isinstance(options, LbfOptions)
        find_task(task, options)

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Refuse fixed starts. Raises ConfigurationError."""
        require_varied(evaluation, "lbf", "players and foods")

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Return the level of each agent, such as "level 1". Raises ConfigurationError where levels are drawn."""
        assert isinstance(options, LbfOptions)
        found = find_task(task, options)
        if not found.fixed:
            raise ConfigurationError(
                f"map={task} has no types of agents: their levels are drawn for every episode. A map with fixed levels "
                "has types, such as Foraging-fixed-8x8-6p-3f-v2."
            )
        return [f"level {level}" for level in found.levels]


SUITE = LbfSuite()
