"""env=pettingzoo: a user's parallel environment, played in worker processes."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.code_options import CodeOptions
from fedqmix.envs.code_suite import CodeSuite, Sizes
from fedqmix.envs.from_pettingzoo.options import PettingZooOptions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec


class PettingZooSuite(CodeSuite):
    """The suite of env=pettingzoo."""

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes that the settings hold. Raises ConfigurationError when one is missing."""
        assert isinstance(options, PettingZooOptions)
        return replace(super().spec(task, options), side_by_side=options.games)

    def measure(self, options: CodeOptions) -> Sizes:
        """Return the sizes of the environment, which a worker process makes once. Raises ConfigurationError."""
        from fedqmix.envs.from_pettingzoo.world import measure  # only where the code is

        assert isinstance(options, PettingZooOptions)
        if find_spec("pettingzoo") is None:
            raise ConfigurationError(
                "env=pettingzoo needs the packages pettingzoo and gymnasium: pip install 'fedqmix[pettingzoo]'."
            )
        return measure(options).sizes

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """See fedqmix.envs.suite.Suite. threads: unused, every environment is a process of its own."""
        from fedqmix.envs.from_pettingzoo.world import PettingZooWorld  # only playing needs it

        assert isinstance(options, PettingZooOptions)
        return PettingZooWorld(self.spec(task, options), seed, options, sink)


SUITE = PettingZooSuite()
