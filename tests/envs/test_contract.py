"""The embedded world keeps the World contract."""

from __future__ import annotations

import numpy as np
from world_contract import WorldContract
from worlds import KeepingSink, options, over, training

from contracts.world import Battles, Purpose, TeamSink, World
from envs import make_world


class Test3m(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        return make_world("3m", seed, options(), sink, threads)


class TestUnequalTeamsWithAllOptions(WorldContract):
    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        env = options(
            obs_last_action=True, obs_timestep_number=True, state_timestep_number=True, reward_only_positive=False
        )
        return make_world("5m_vs_6m", seed, env, sink, threads)


def test_purposes_have_their_own_draws() -> None:
    rewards = []
    for purpose in Purpose:
        sink = KeepingSink()
        world = make_world("3m", 0, options(), sink)
        turn = world.begin(Battles(purpose, 0, 1))
        while not over(turn).all():
            turn = world.step(np.where(turn.available_actions[..., 0], 0, 1))
        rewards.append(np.concatenate([team.state for team in sink.turns]))
    assert not np.array_equal(rewards[0], rewards[1])
    assert not np.array_equal(rewards[0], rewards[2])


def test_a_cut_off_battle_still_shows_what_could_be_done() -> None:
    world = make_world("3m", 0, options(), KeepingSink())
    turn = world.begin(training(0, 1))
    west = np.full((3, 1), 5)
    while not over(turn).all():  # away from the enemies and up and down the western edge, until time is up
        options_now = turn.available_actions
        west = np.where(options_now[..., 5], 5, np.where(options_now[..., 0], 0, 1))
        turn = world.step(west)
        if turn.terminated.any():
            break
    if turn.truncated[0]:
        assert turn.available_actions[..., 1].any()
        turn = world.step(np.zeros((3, 1), np.int64))
        assert turn.available_actions[..., 0].all()
        assert not turn.available_actions[..., 1:].any()
