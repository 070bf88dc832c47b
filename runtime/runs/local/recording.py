"""Recording of episodes while they are played: Q-values, actions, positions and rewards.

No other module has all three. The Recorder observes the agents (clients.acting.StepObserver), reads snapshots of the
world, and gets the team reward from a RewardObserver before the mixer's side.
"""

from __future__ import annotations

from fedqmix.envs.replays import Occasion, Recording, Replay
from fedqmix.runtime.core.scenes import HasScene, SceneMoment
from fedqmix.runtime.core.world import (
    Bools,
    EpisodeBatch,
    Floats,
    Integers,
    Replayable,
    TeamSink,
    TeamTimeStep,
    TimeStep,
)


class RewardObserver:
    """A TeamSink that forwards every call, and keeps the first episode's last team reward."""

    def __init__(self, sink: TeamSink) -> None:
        self._sink = sink
        self.batch: EpisodeBatch | None = None
        self.steps = 0  # environment steps of the batch so far
        self.reward = 0.0

    def begin(self, batch: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Forward the first state of a new batch of episodes."""
        self.batch, self.steps, self.reward = batch, 0, 0.0
        self._sink.begin(batch, time_step)

    def record(self, time_step: TeamTimeStep) -> None:
        """Forward one environment step of every episode."""
        self.steps += 1
        self.reward = float(time_step.team_reward[0])
        self._sink.record(time_step)


class Recorder:
    """A StepObserver that records the first episode of every series.

    last: the replay of the last recorded episode, with round 0; None before the first.
    """

    def __init__(self, run: str, map: str, seed: int, world: Replayable, reward_observer: RewardObserver) -> None:
        """run: the run's name. reward_observer: the sink of `world`."""
        self._run, self._map, self._seed = run, map, seed
        self._world, self._reward_observer = world, reward_observer
        self._recording: Recording | None = None  # None when the first episode is over
        self.epsilon = 0.0
        self.last: Replay | None = None

    def acting(self, time_step: TimeStep, q_values: Floats, actions: Integers, explored: Bools) -> None:
        """Record a moment of the first episode while it runs."""
        if self._reward_observer.steps == 0:
            self._begin()
        else:
            self._outcome(time_step)
        if self._recording is not None:
            self._recording.act(
                self._world.snapshot(0),
                q_values[:, 0],
                time_step.available_actions[:, 0],
                actions[:, 0],
                explored[:, 0],
                self._scene_moment(),
            )

    def over(self, time_step: TimeStep) -> None:
        """Record the end of the batch."""
        self._outcome(time_step)

    def _begin(self) -> None:
        batch = self._reward_observer.batch
        assert batch is not None
        first = batch.series in (None, batch.first)
        scene = self._world.scene(0) if first and isinstance(self._world, HasScene) else None
        self._recording = Recording(self._map, self._occasion(batch), scene) if first else None

    def _outcome(self, time_step: TimeStep) -> None:
        if time_step.broken[0]:  # the world plays the episode again, and it is recorded then
            self._recording = None
        if self._recording is None:
            return
        self._recording.earn(time_step.individual_rewards[:, 0], self._reward_observer.reward)
        if time_step.terminated[0] or time_step.truncated[0]:
            self.last = self._recording.finish(
                self._world.snapshot(0), bool(time_step.won[0]), bool(time_step.truncated[0]), self._scene_moment()
            )
            self._recording = None

    def _scene_moment(self) -> SceneMoment | None:
        return self._world.scene_moment(0) if isinstance(self._world, HasScene) else None

    def _occasion(self, batch: EpisodeBatch) -> Occasion:
        return Occasion(
            run=self._run,
            purpose=batch.purpose.value,
            episode=batch.first,
            seed=self._seed,
            round=0,
            env_step=0,
            epsilon=self.epsilon,
        )
