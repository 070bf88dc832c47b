"""env=bps: blind-particle spread, six tasks and variations of them."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs.bps.layout import spec_of
from fedqmix.envs.bps.options import BpsOptions
from fedqmix.envs.bps.tasks import TASKS, find_task
from fedqmix.envs.drawn_starts import require_varied
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec


class BpsSuite:
    """The suite of env=bps; see fedqmix.envs.suite.Suite."""

    replayable = True
    open_names = False

    def tasks(self) -> Sequence[str]:
        """Return the names of the six tasks."""
        return tuple(TASKS)

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes of a task. Raises ConfigurationError as `find_task`."""
        assert isinstance(options, BpsOptions)
        return spec_of(task, options)

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """Build the world. Raises ConfigurationError as `find_task`."""
        from fedqmix.envs.bps.world import BpsWorld  # compiles or loads kernels, which only playing needs

        assert isinstance(options, BpsOptions)
        return BpsWorld(task, seed, options, sink, threads)

    def require(self, task: str, options: EnvConfig) -> None:
        """Check the task. Raises ConfigurationError as `find_task`; nothing else can be missing."""
        assert isinstance(options, BpsOptions)
        find_task(task, options)

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Refuse fixed starts. Raises ConfigurationError."""
        require_varied(evaluation, "bps", "agents and landmarks")

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Return the group of each agent, such as "group 0"."""
        assert isinstance(options, BpsOptions)
        return [f"group {group}" for group in find_task(task, options).groups]


SUITE = BpsSuite()
