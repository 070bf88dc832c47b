"""The part of a world's contract that is about drawing its episodes; envs.contract.WorldContract has it all."""

from __future__ import annotations

import copy
from abc import abstractmethod

import numpy as np
import pytest

from fedqmix.envs.random_play import KeepingSink, training
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.scenes import HasScene
from fedqmix.runtime.core.world import Replayable, TeamSink, TeamSpec, World


class DrawnContract:
    """The properties of snapshots and scenes, for worlds that have them."""

    @abstractmethod
    def made(self, sink: TeamSink) -> World:
        """Return a new world, which is closed at the test's end."""

    def test_snapshots_list_allies_first_by_index(self) -> None:
        """A world whose units can be drawn lists them in one order."""
        world = self.made(KeepingSink())
        count = at_most(2, world.spec)
        if not isinstance(world, Replayable):
            pytest.skip("this world has no units to draw")
        world.step(world.begin(training(0, count)).available_actions.argmax(-1))
        units = world.snapshot(count - 1)
        assert [unit.side for unit in units] == sorted(unit.side for unit in units)
        for side in {unit.side for unit in units}:
            indices = [unit.index for unit in units if unit.side == side]
            assert indices == list(range(len(indices)))
        assert sum(unit.side == "ally" for unit in units) == world.spec.n_agents
        with pytest.raises(WorldError):
            world.snapshot(count)

    def test_scenes_fit_their_episodes(self) -> None:
        """A scene stays the same in its episode; its moments have its sizes, and arrays of their own."""
        world = self.made(KeepingSink())
        count = at_most(2, world.spec)
        if not isinstance(world, HasScene):
            pytest.skip("this world has no scenes")
        time_step = world.begin(training(0, count))
        scene, first = world.scene(count - 1), world.scene_moment(count - 1)
        kept = copy.deepcopy(first)
        world.step(time_step.available_actions.argmax(-1))
        agents, items = world.spec.n_agents, len(scene.items)
        assert world.scene(count - 1) == scene
        assert len(scene.groups) == len(scene.labels) == agents
        assert [len(names) for names in scene.action_names] == [world.spec.n_actions] * agents
        for moment in (first, world.scene_moment(count - 1)):
            assert [len(column) for column in moment] == [agents] * 2 + [items] * 3
        for column, before in zip(first, kept, strict=True):
            np.testing.assert_array_equal(column, before)
        for ask in (world.scene, world.scene_moment):
            with pytest.raises(WorldError):
                ask(count)


def at_most(wanted: int, spec: TeamSpec) -> int:
    """Return how many episodes are played in a batch: `wanted`, or what the world can."""
    return wanted if spec.side_by_side is None else min(wanted, spec.side_by_side)
