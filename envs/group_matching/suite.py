"""env=group_matching: group matching on a ring."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs.drawn_starts import require_varied
from fedqmix.envs.group_matching.options import GroupMatchingOptions
from fedqmix.envs.group_matching.rules import GroupMatching, spec_of
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec

TASK = "ring"


class GroupMatchingSuite:
    """The suite of env=group_matching; see fedqmix.envs.suite.Suite."""

    replayable = False
    open_names = False

    def tasks(self) -> Sequence[str]:
        """Return the only name."""
        return (TASK,)

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes of the task. Raises ConfigurationError for another one."""
        assert isinstance(options, GroupMatchingOptions)
        self.require(task, options)
        return spec_of(task, options)

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """Build the world. threads: unused. Raises ConfigurationError as `spec`."""
        from fedqmix.envs.rules_world import RulesWorld  # only playing needs it

        assert isinstance(options, GroupMatchingOptions)
        spec = self.spec(task, options)
        return RulesWorld(spec, seed, sink, GroupMatching(options, spec), "group_matching", "env=group_matching")

    def require(self, task: str, options: EnvConfig) -> None:
        """Check the task. Raises ConfigurationError; nothing else can be missing."""
        if task != TASK:
            raise ConfigurationError(f"map={task} is not a task of env=group_matching: {TASK}.")

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Refuse fixed starts. Raises ConfigurationError."""
        require_varied(evaluation, "group_matching", "agents and groups")

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Raise ConfigurationError: the groups are drawn."""
        raise ConfigurationError("env=group_matching has no types of agents: their groups are drawn for every episode.")


SUITE = GroupMatchingSuite()
