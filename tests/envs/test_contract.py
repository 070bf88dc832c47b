"""The embedded world keeps the World contract."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fedqmix.envs import make_world
from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.runtime.core.errors import UnavailableActionError
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, TeamSink, World
from fedqmix.testing import WorldContract
from support.worlds import KeepingSink, options, over, training


class Test3m(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        return make_world("3m", seed, options(), sink, threads)


class TestUnequalTeamsWithAllOptions(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        env = options(
            obs_last_action=True, obs_timestep_number=True, state_timestep_number=True, reward_only_positive=False
        )
        return make_world("5m_vs_6m", seed, env, sink, threads)


class TestHealers(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        return make_world("MMM", seed, options(obs_pathing_grid=True, obs_terrain_height=True), sink, threads)


class TestShieldsAndBeams(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        return make_world("1c3s5z", seed, options(obs_instead_of_state=True), sink, threads)


class TestTeamsDrawnAnew(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        return make_world("bane_vs_bane", seed, options(randomise="both"), sink, threads)


def test_purposes_have_their_own_draws() -> None:
    rewards = []
    for purpose in Purpose:
        sink = KeepingSink()
        world = make_world("3m", 0, options(), sink)
        time_step = world.begin(EpisodeBatch(purpose, 0, 1))
        while not over(time_step).all():
            time_step = world.step(np.where(time_step.available_actions[..., 0], 0, 1))
        rewards.append(np.concatenate([team.state for team in sink.time_steps]))
    assert not np.array_equal(rewards[0], rewards[1])
    assert not np.array_equal(rewards[0], rewards[2])


def test_a_cut_off_battle_still_shows_what_could_be_done() -> None:
    record = replace(load_map("3m"), episode_limit=3)
    world = SkirmishWorld(record, 0, options(), KeepingSink())
    time_step = world.begin(training(0, 2))
    for _ in range(3):
        assert not over(time_step).any()
        time_step = world.step(np.ones((3, 2), np.int64))
    assert time_step.truncated.all()
    assert not time_step.terminated.any()
    assert time_step.available_actions[..., 1:6].all()
    assert not time_step.available_actions[..., 0].any()
    time_step = world.step(np.array([[0, 1], [0, 4], [0, 5]]))
    assert time_step.available_actions[..., 0].all()
    assert not time_step.available_actions[..., 1:].any()
    with pytest.raises(UnavailableActionError):
        world.step(np.array([[0, 1], [0, 4], [0, 5]]))
