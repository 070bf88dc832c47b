"""env=own: a user's batched world, played in the world's own process."""

from __future__ import annotations

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.code_options import CodeOptions
from fedqmix.envs.code_suite import CodeSuite, Sizes
from fedqmix.envs.own.options import OwnOptions
from fedqmix.runtime.core.world import LocalWorld, TeamSink


class OwnSuite(CodeSuite):
    """The suite of env=own."""

    def measure(self, options: CodeOptions) -> Sizes:
        """Return the sizes of the rules, whose module is imported. Raises ConfigurationError for code that fails."""
        from fedqmix.envs.own.world import measure  # only where the code is

        assert isinstance(options, OwnOptions)
        return measure(options)

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """See fedqmix.envs.suite.Suite. threads: unused."""
        from fedqmix.envs.own.world import OwnWorld  # only playing needs it

        assert isinstance(options, OwnOptions)
        return OwnWorld(self.spec(task, options), seed, options, sink)


SUITE = OwnSuite()
