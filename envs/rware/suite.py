"""env=rware: the multi-robot warehouse, with colours C-RWARE."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs.drawn_starts import require_varied
from fedqmix.envs.rware.layout import spec_of
from fedqmix.envs.rware.options import RwareOptions
from fedqmix.envs.rware.tasks import TASKS, find_task
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec


class RwareSuite:
    """The suite of env=rware; see fedqmix.envs.suite.Suite."""

    replayable = True
    open_names = True

    def tasks(self) -> Sequence[str]:
        """Return the names of common tasks."""
        return TASKS

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes of a task. Raises ConfigurationError as `find_task`."""
        assert isinstance(options, RwareOptions)
        return spec_of(task, options)

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """Build the world. Raises ConfigurationError as `find_task`."""
        from fedqmix.envs.rware.world import RwareWorld  # compiles or loads kernels, which only playing needs

        assert isinstance(options, RwareOptions)
        return RwareWorld(task, seed, options, sink, threads)

    def require(self, task: str, options: EnvConfig) -> None:
        """Check the task. Raises ConfigurationError as `find_task`; nothing else can be missing."""
        assert isinstance(options, RwareOptions)
        find_task(task, options)

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Refuse fixed starts. Raises ConfigurationError."""
        require_varied(evaluation, "rware", "agents and requests")

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Return the colour of each agent, such as "colour 0". Raises ConfigurationError without colours."""
        assert isinstance(options, RwareOptions)
        found = find_task(task, options)
        if not found.colours:
            raise ConfigurationError(
                f"The agents of map={task} have no types: there are types in tasks with colours, such as "
                "map=rware-2color-tiny-4ag-v1."
            )
        return [f"colour {group}" for group in found.groups]


SUITE = RwareSuite()
