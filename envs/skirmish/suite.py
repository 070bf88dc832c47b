"""env=skirmish: SMAC's maps, played by the embedded battle simulator."""

from __future__ import annotations

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.battle_suite import BattleSuite
from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink


class SkirmishSuite(BattleSuite):
    """The suite of env=skirmish."""

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """See fedqmix.envs.suite.Suite."""
        from fedqmix.envs.skirmish.world import SkirmishWorld  # compiles or loads kernels, which only playing needs

        assert isinstance(options, SkirmishOptions)
        return SkirmishWorld(load_map(task), seed, options, sink, threads)

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Return the unit type of each agent. Raises ConfigurationError when types are drawn for every episode."""
        if isinstance(options, SkirmishOptions) and options.randomise in ("types", "both"):
            raise ConfigurationError(
                f"env.randomise={options.randomise} draws the agents' unit types for every episode, so they have none "
                "for the whole run: write strategy.clusters=[[0,1],...] with the agents of each cluster, or another "
                "env.randomise."
            )
        return super().agent_types(task, options)


SUITE = SkirmishSuite()
