"""env=skirmish: SMAC's maps, SMACv2's scenarios and REFIL's teams, played by the embedded battle simulator."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.battle_suite import BattleSuite
from fedqmix.envs.maps import MapRecord, available_maps, load_map
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.envs.skirmish.random_teams.tasks import RANDOM_TEAMS
from fedqmix.envs.skirmish.smacv2.scenarios import SCENARIOS
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink


class SkirmishSuite(BattleSuite):
    """The suite of env=skirmish."""

    open_names = True

    def tasks(self) -> Sequence[str]:
        """Return SMAC's maps, fewest units first, then SMACv2's published scenarios and the sets of drawn teams."""
        return [*available_maps(), *SCENARIOS, *RANDOM_TEAMS]

    def record(self, task: str) -> MapRecord:
        """Return a map or a scenario. Raises ConfigurationError for an unknown name."""
        return load_map(task)

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """See fedqmix.envs.suite.Suite."""
        from fedqmix.envs.skirmish.world import SkirmishWorld  # compiles or loads kernels, which only playing needs

        assert isinstance(options, SkirmishOptions)
        return SkirmishWorld(load_map(task), seed, options, sink, threads)

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Return the unit type of each agent. Raises ConfigurationError where types are drawn for every episode."""
        drawn = isinstance(options, SkirmishOptions) and options.randomise in ("types", "both")
        record = self.record(task)
        if drawn or record.smacv2 or record.random_teams:
            what = f"env.randomise={options.randomise}" if drawn else f"map={task}"  # type: ignore[attr-defined]
            other = "another env.randomise" if drawn else "a map of SMAC"
            raise ConfigurationError(
                f"{what} draws the agents' unit types for every episode, so they have none for the whole run: write "
                f"strategy.clusters=[[0,1],...] with the agents of each cluster, or choose {other}."
            )
        return super().agent_types(task, options)


SUITE = SkirmishSuite()
