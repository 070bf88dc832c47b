"""The team's view of a batch of episodes, for programs that step a world themselves."""

from __future__ import annotations

from fedqmix.runtime.core.world import EpisodeBatch, TeamTimeStep


class TeamView:
    """A TeamSink that holds the newest TeamTimeStep; without one before the first batch of episodes."""

    time_step: TeamTimeStep

    def begin(self, batch: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Hold the first state of a batch."""
        self.time_step = time_step

    def record(self, time_step: TeamTimeStep) -> None:
        """Hold the outcome of an environment step."""
        self.time_step = time_step
