"""The rules are those of the package lbforaging 2.0.0: the same starts and actions give the same numbers in both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedqmix.envs import make_world
from fedqmix.envs.lbf.policies import to_nearest
from fedqmix.envs.lbf.tasks import find_task
from fedqmix.runtime.core.world import Integers, TeamTimeStep, TimeStep
from support.foraging import lbf_options
from support.worlds import KeepingSink, over, play, training

foraging = pytest.importorskip("lbforaging.foraging", reason="lbforaging is not installed: make oracles")

CASES = {
    "two players": ("Foraging-8x8-2p-3f-v3", {}),
    "cooperation": ("Foraging-8x8-2p-2f-coop-v3", {}),
    "sight of two cells": ("Foraging-2s-8x8-2p-2f-coop-v3", {"mask": True}),
    "three players": ("Foraging-10x10-3p-3f-v3", {}),
    "a large grid": ("Foraging-15x15-4p-3f-v3", {}),
    "short sight in a large grid": ("Foraging-2s-15x15-4p-5f-v3", {}),
    "a crowd": ("Foraging-3s-5x5-9p-2f-v3", {"mask": True, "obs_instead_of_state": True}),
    "failed loads cost": ("Foraging-10x10-4p-4f-coop-v3", {"penalty": 0.1}),
    "levels hidden": ("Foraging-2s-8x8-3p-3f-v3", {"observe_agent_levels": False, "penalty": 0.25}),
    "high levels": ("Foraging-8x8-4p-4f-v3", {"max_player_level": 5, "sight": 4}),
    "one player and more foods than fit": ("Foraging-5x5-1p-4f-v3", {"episode_limit": 30}),
}
"""What differs -> the task and its settings."""


class Mixed:
    """A player of which every second action is random and the others go to the nearest food; it keeps all of them."""

    def __init__(self, foods: int, seed: int) -> None:
        self.foods, self.random, self.actions = foods, np.random.default_rng(seed), []

    def __call__(self, time_step: TimeStep) -> Integers:
        available = time_step.available_actions
        random = np.where(available, self.random.random(available.shape), -1.0).argmax(-1)
        wanted = to_nearest(time_step.observations, self.foods)
        open_ = np.take_along_axis(available, wanted[..., None], 2)[..., 0]
        actions = np.where(open_ & (self.random.random(wanted.shape) < 0.5), wanted, random)
        self.actions.append(actions)
        return actions


class Replayed:
    """The package's environment of a task, set to the start of an episode of ours."""

    def __init__(self, task: str, **changes: Any) -> None:
        self.options = lbf_options(**changes)
        found = find_task(task, self.options)
        self.env = foraging.ForagingEnv(
            players=found.players,
            min_player_level=1,
            max_player_level=found.max_player_level,
            min_food_level=1,
            max_food_level=None,
            field_size=(found.side, found.side),
            max_num_food=found.foods,
            sight=found.sight,
            max_episode_steps=self.options.episode_limit,
            force_coop=found.coop,
            observe_agent_levels=self.options.observe_agent_levels,
            penalty=self.options.penalty,
        )

    def begin(self, foods: np.ndarray, players: np.ndarray) -> None:
        """foods, players: (row, column, level) of each; a food of level 0 is left out."""
        env = self.env
        env.field = np.zeros(env.field_size, np.int32)
        for row, column, level in foods[foods[:, 2] > 0]:
            env.field[row, column] = level
        for player, (row, column, level) in zip(env.players, players.tolist(), strict=True):
            player.setup((row, column), level, env.field_size)
            player.reward = 0
        env.current_step, env._game_over, env._food_spawned = 0, False, env.field.sum()
        env._gen_valid_moves()

    def compare_sight(self, time_step: TimeStep, team: TeamTimeStep, e: int) -> None:
        """Compare observations, masks and the state."""
        env = self.env
        for agent, observation in enumerate(env._make_gym_obs()):
            np.testing.assert_array_equal(time_step.observations[agent, e], observation)
        if self.options.mask and not over(time_step)[e]:
            for agent, player in enumerate(env.players):
                valid = [action.value for action in env._valid_actions[player]]
                assert np.flatnonzero(time_step.available_actions[agent, e]).tolist() == sorted(valid)
        if self.options.obs_instead_of_state:
            np.testing.assert_array_equal(team.state[e], time_step.observations[:, e].ravel())
            return
        foods = team.state[e, : 3 * env.max_num_food].reshape(-1, 3)
        there = [(row, column, env.field[row, column]) for row, column in zip(*env.field.nonzero(), strict=True)]
        assert [tuple(food) for food in foods if food[2]] == there
        assert all(tuple(food) == (-1, -1, 0) for food in foods if not food[2])
        players = [(*player.position, player.level) for player in env.players]
        assert [tuple(player) for player in team.state[e, foods.size :].reshape(-1, 3)] == players

    def compare_step(self, time_step: TimeStep, team: TeamTimeStep, actions: Integers, e: int) -> None:
        """Take an environment step, and compare rewards and ends."""
        _, rewards, ended, _, _ = self.env.step(actions[:, e].tolist())
        np.testing.assert_array_equal(time_step.individual_rewards[:, e], np.array(rewards, np.float32))
        assert team.team_reward[e] == np.float32(sum(rewards))
        eaten = self.env.field.sum() == 0
        assert (time_step.terminated[e], time_step.won[e]) == (eaten, eaten)
        assert over(time_step)[e] == ended


def replay(case: str, episodes: int) -> None:
    """Play episodes in our world and replay them in the package's."""
    task, changes = CASES[case]
    replayed, sink = Replayed(task, **changes), KeepingSink()
    found = find_task(task, replayed.options)
    player = Mixed(found.foods, seed=11)
    world = make_world(task, 7, replayed.options, sink)
    time_steps = play(world, training(0, episodes), player)
    starts = starts_of(task, changes, episodes)
    eaten = 0
    for e in range(episodes):
        replayed.begin(starts[e, : found.foods], starts[e, found.foods :])
        replayed.compare_sight(time_steps[0], sink.time_steps[0], e)
        steps = zip(time_steps[1:], sink.time_steps[1:], player.actions, strict=True)
        for before, (time_step, team, actions) in zip(time_steps, steps, strict=False):
            if over(before)[e]:
                break
            replayed.compare_step(time_step, team, actions, e)
            replayed.compare_sight(time_step, team, e)
            eaten += time_step.individual_rewards[:, e].max() > 0
    assert eaten > episodes / 10  # or hardly anything was compared


def starts_of(task: str, changes: dict[str, Any], episodes: int) -> Integers:
    """The foods and players at the start of the episodes: [episodes, foods + players, 3]."""
    sink = KeepingSink()
    make_world(task, 7, lbf_options(**{**changes, "obs_instead_of_state": False}), sink).begin(training(0, episodes))
    return sink.time_steps[0].state.astype(np.int64).reshape(episodes, -1, 3)


@pytest.mark.parametrize("case", CASES)
def test_episodes_are_those_of_the_package(case: str) -> None:
    replay(case, 60)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CASES)
def test_a_thousand_episodes_are_those_of_the_package(case: str) -> None:
    replay(case, 1000)
