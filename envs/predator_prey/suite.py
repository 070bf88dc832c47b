"""env=predator_prey: the predator-prey task of Weighted QMIX."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs.drawn_starts import require_varied
from fedqmix.envs.predator_prey.layout import TASK, spec_of
from fedqmix.envs.predator_prey.options import PredatorPreyOptions
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec


class PredatorPreySuite:
    """The suite of env=predator_prey; see fedqmix.envs.suite.Suite."""

    replayable = True
    open_names = False

    def tasks(self) -> Sequence[str]:
        """Return the only name."""
        return (TASK,)

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes of the task. Raises ConfigurationError as `spec_of`."""
        assert isinstance(options, PredatorPreyOptions)
        return spec_of(task, options)

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """Build the world. Raises ConfigurationError as `spec_of`."""
        from fedqmix.envs.predator_prey.world import PredatorPreyWorld  # compiles or loads kernels

        assert isinstance(options, PredatorPreyOptions)
        return PredatorPreyWorld(task, seed, options, sink, threads)

    def require(self, task: str, options: EnvConfig) -> None:
        """Check the task. Raises ConfigurationError as `spec_of`; nothing else can be missing."""
        self.spec(task, options)

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Refuse fixed starts. Raises ConfigurationError."""
        require_varied(evaluation, "predator_prey", "agents and prey")

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Return "agent" for each agent."""
        assert isinstance(options, PredatorPreyOptions)
        return ["agent"] * options.agents


SUITE = PredatorPreySuite()
