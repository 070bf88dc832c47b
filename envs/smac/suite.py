"""env=smac: SMAC's maps, played by StarCraft II."""

from __future__ import annotations

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs.battle_suite import BattleSuite
from fedqmix.envs.maps import load_map
from fedqmix.envs.smac.options import SmacOptions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink


class SmacSuite(BattleSuite):
    """The suite of env=smac."""

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """See fedqmix.envs.suite.Suite. threads: unused, every game is a process of its own."""
        from fedqmix.envs.smac.world import SmacWorld  # only playing needs it

        assert isinstance(options, SmacOptions)
        return SmacWorld(load_map(task), seed, options, sink)

    def require(self, task: str, options: EnvConfig) -> None:
        """Check that the game and the map are installed. Raises ConfigurationError with what to type."""
        from fedqmix.envs.smac.requirements import require

        super().require(task, options)
        require(task)

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Check that both kinds of episodes begin where the game places the units. Raises ConfigurationError."""
        assert isinstance(options, SmacOptions)
        for name, starts in (("env", options.starts), ("evaluation", evaluation.starts)):
            if starts == "varied":
                continue
            raise ConfigurationError(
                f"{name}.starts={starts} with env=smac: StarCraft II places the units itself, a little differently in "
                f"every battle. Write {name}.starts=varied, or choose env=skirmish."
            )


SUITE = SmacSuite()
