"""What the suites of SMAC's maps have in common."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import MapRecord, available_maps, load_map
from fedqmix.envs.skirmish.spec import spec_of
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import TeamSpec


class BattleSuite:
    """A suite whose tasks are SMAC's maps (an envs.suite.Suite but for `make`)."""

    replayable = True
    open_names = False

    def tasks(self) -> Sequence[str]:
        """Return the maps, fewest units first."""
        return available_maps()

    def record(self, task: str) -> MapRecord:
        """Return a map. Raises ConfigurationError for an unknown one and for one that env=skirmish plays alone."""
        record = load_map(task)
        if record.smacv2 or record.random_teams:
            kind = "a scenario of SMACv2" if record.smacv2 else "a set of drawn teams"
            raise ConfigurationError(
                f"map={task} is {kind}, which env=skirmish plays alone. SMAC's maps: {', '.join(available_maps())}."
            )
        return record

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes of a map's teams, observations and states. Raises ConfigurationError for an unknown map."""
        assert isinstance(options, BattleOptions)
        return spec_of(self.record(task), options)

    def require(self, task: str, options: EnvConfig) -> None:
        """Check that the map exists. Raises ConfigurationError."""
        self.record(task)

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Accept any settings."""

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Return the unit type of each agent. Raises ConfigurationError for an unknown map."""
        record = self.record(task)
        return record.unit_types[: record.n_agents]
