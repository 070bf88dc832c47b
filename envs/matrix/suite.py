"""env=matrix: matrix games of one and of two steps, and those of a user's own payoffs."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs.matrix.games import GAMES, find_game
from fedqmix.envs.matrix.options import MatrixOptions
from fedqmix.envs.matrix.rules import MatrixGame, spec_of
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import LocalWorld, TeamSink, TeamSpec


class MatrixSuite:
    """The suite of env=matrix; see fedqmix.envs.suite.Suite."""

    replayable = False
    open_names = True

    def tasks(self) -> Sequence[str]:
        """Return the names of the games; `own` is one too."""
        return tuple(GAMES)

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        """Return the sizes of a game. Raises ConfigurationError as `find_game`."""
        assert isinstance(options, MatrixOptions)
        return spec_of(task, options)

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> LocalWorld:
        """Build the world. threads: unused. Raises ConfigurationError as `find_game`."""
        from fedqmix.envs.rules_world import RulesWorld  # only playing needs it

        assert isinstance(options, MatrixOptions)
        spec = spec_of(task, options)
        return RulesWorld(spec, seed, sink, MatrixGame(find_game(task, options), spec), "matrix", "env=matrix")

    def require(self, task: str, options: EnvConfig) -> None:
        """Check the task. Raises ConfigurationError as `find_game`; nothing else can be missing."""
        assert isinstance(options, MatrixOptions)
        find_game(task, options)

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        """Refuse fixed starts. Raises ConfigurationError."""
        if evaluation.starts != "varied":
            raise ConfigurationError(
                f"evaluation.starts={evaluation.starts} with env=matrix: games have no positions, all episodes begin "
                "alike. Write evaluation.starts=varied."
            )

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        """Return "player" for each agent."""
        assert isinstance(options, MatrixOptions)
        return ["player"] * find_game(task, options).n_agents


SUITE = MatrixSuite()
