"""The World of env=rware: a batch of episodes of the multi-robot warehouse."""

from __future__ import annotations

from typing import Any

from fedqmix.envs.kernel_world import BatchArrays, FixedLengthWorld
from fedqmix.envs.rware.arrays import Views, make_rules, make_warehouses
from fedqmix.envs.rware.layout import spec_of
from fedqmix.envs.rware.options import RwareOptions
from fedqmix.envs.rware.rules import play
from fedqmix.envs.rware.scene import agents_of, moment_of, scene_of
from fedqmix.envs.rware.tasks import find_task
from fedqmix.runtime.core.scenes import Scene, SceneMoment
from fedqmix.runtime.core.world import TeamSink, UnitRecord


class RwareWorld(FixedLengthWorld):
    """A World of one task's episodes, which all last as long as the episode limit.

    Episodes are truncated at the limit; none terminates, and none is won. Every purpose draws its own starts.
    """

    action_names = ("no-op", "forward", "turn left", "turn right", "toggle load")

    def __init__(self, name: str, seed: int, options: RwareOptions, sink: TeamSink, threads: int = 1) -> None:
        """Build the world. name: the task's; other arguments as for envs.make_world.

        Raises ConfigurationError for an unknown task, and for settings that do not fit it.
        """
        super().__init__(play, spec_of(name, options), seed, sink, threads)
        self._task = find_task(name, options)
        self._rules = make_rules(self._task, options, seed)

    @property
    def game(self) -> str:
        """The world's name; its version is the package's."""
        return "multi-robot warehouse"

    def snapshot(self, episode: int) -> list[UnitRecord]:
        """List the agents of one episode of the current batch. Raises WorldError when there is no such episode."""
        self._check_shown(episode)
        return agents_of(self._task, self._rules, self._warehouses, self._batch.actions[:, episode], episode)

    def scene(self, episode: int) -> Scene:
        """Return the grid and the shelves' colours of one episode. Raises as `snapshot`."""
        self._check_shown(episode)
        return scene_of(self._task, self._warehouses.shelf_colours[episode], self.action_names)

    def scene_moment(self, episode: int) -> SceneMoment:
        """Return the shelves, loads and headings of one episode. Raises as `snapshot`."""
        self._check_shown(episode)
        return moment_of(self._task, self._rules, self._warehouses, episode)

    def _arguments(self, batch: BatchArrays) -> tuple[Any, ...]:
        time_step, team = batch.time_step, batch.team
        self._warehouses = make_warehouses(self._task, self._rules, batch.keys)
        views = Views(time_step.observations, team.state, time_step.individual_rewards, team.team_reward)
        return self._rules, self._warehouses, batch.actions, views
