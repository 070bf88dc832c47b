"""The rules of blind-particle spread: trajectories computed by hand, and properties of every trajectory."""

from __future__ import annotations

import random
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedqmix.envs.bps.rules import DOWN, LEFT, NOTHING, RIGHT, UP
from support.particles import PlacedParticles, bps_options

STEPS = 4
SIZES = {"groups": 2, "group_size": 2}
PLACES = st.floats(-3, 3, width=32)


def drawn(*shape: int) -> Any:
    return arrays.arrays(np.float64, shape, elements=PLACES)


ACTIONS = arrays.arrays(np.int64, (STEPS, 4, 2), elements=st.integers(0, 4))


def float32(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def test_a_trajectory_computed_by_hand() -> None:
    """Two agents, each a group of its own; v <- 0.75 v + 0.1 F, p <- p + 0.1 v, r = -0.5 d."""
    start = {"positions": [[[0.25, -0.5], [-1.0, 0.5]]], "landmarks": [[[1.0, 1.0], [-2.0, -1.5]]]}
    placed = PlacedParticles(bps_options(groups=2, group_size=1), **start)
    acts = [(RIGHT, NOTHING), (RIGHT, LEFT), (UP, DOWN)]
    seen = [  # agent 0's and agent 1's velocity, position, way to landmark 0 and to landmark 1
        [(0.5, 0, 0.3, -0.5, 0.7, 1.5, -2.3, -1.0), (0, 0, -1, 0.5, 2, 0.5, -1, -2)],
        [(0.875, 0, 0.3875, -0.5, 0.6125, 1.5, -2.3875, -1), (-0.5, 0, -1.05, 0.5, 2.05, 0.5, -0.95, -2)],
        [
            (0.65625, 0.5, 0.453125, -0.45, 0.546875, 1.45, -2.453125, -1.05),
            (-0.375, -0.5, -1.0875, 0.45, 2.0875, 0.55, -0.9125, -1.95),
        ],
    ]
    squares = [(0.49 + 2.25, 1 + 4), (0.37515625 + 2.25, 0.9025 + 4), (0.299072265625 + 2.1025, 0.83265625 + 3.8025)]
    for actions, expected, (first, second) in zip(acts, seen, squares, strict=True):
        views = placed.step([[action] for action in actions])
        for agent in range(2):
            np.testing.assert_array_equal(views.observations[agent, 0], float32(*expected[agent]))
        own = -0.5 * np.sqrt(first), -0.5 * np.sqrt(second)
        np.testing.assert_array_equal(views.individual_rewards[:, 0], float32(*own))
        np.testing.assert_array_equal(views.team_reward, float32(sum(own)))
        state = (*expected[0][:4], *expected[1][:4], 1.0, 1.0, -2.0, -1.5)
        np.testing.assert_array_equal(views.state[0], float32(*state))


def test_each_action_pushes_along_its_axis() -> None:
    placed = PlacedParticles(bps_options(groups=1, group_size=5), np.zeros((1, 5, 2)), np.zeros((1, 1, 2)))
    views = placed.step([[NOTHING], [LEFT], [RIGHT], [DOWN], [UP]])
    velocities = [(0, 0), (-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5)]
    np.testing.assert_array_equal(views.observations[:, 0, :2], np.array(velocities, np.float32))


def test_an_agent_pushed_for_ever_nears_its_terminal_speed_and_coasts_a_known_distance() -> None:
    placed = PlacedParticles(bps_options(groups=1, group_size=1), [[[0.0, 0.0]]], [[[0.0, 0.0]]])
    for _ in range(200):
        fast = placed.step([[RIGHT]])
    assert fast.observations[0, 0, 0] == pytest.approx(2)
    for _ in range(200):
        resting = placed.step([[NOTHING]])
    coasted = resting.observations[0, 0, 2] - fast.observations[0, 0, 2]
    assert coasted == pytest.approx(0.3 * 2, abs=1e-5)


def test_own_rewards_of_the_cooperative_variant_are_the_teams() -> None:
    start = {"positions": [[[0.0, 0.0], [1.0, 0.0]]], "landmarks": [[[0.0, 3.0], [1.0, 4.0]]]}
    for cooperative, own in ((False, (-1.5, -2.0)), (True, (-3.5, -3.5))):
        placed = PlacedParticles(bps_options(groups=2, group_size=1, cooperative=cooperative), **start)
        views = placed.step([[NOTHING], [NOTHING]])
        np.testing.assert_array_equal(views.individual_rewards[:, 0], float32(*own))
        assert views.team_reward[0] == -3.5


@given(positions=drawn(2, 4, 2), landmarks=drawn(2, 2, 2), actions=ACTIONS)
@settings(max_examples=40, deadline=None)
def test_all_views_are_those_of_a_plain_computation(
    positions: np.ndarray, landmarks: np.ndarray, actions: np.ndarray
) -> None:
    placed = PlacedParticles(bps_options(**SIZES, obs_instead_of_state=True), positions, landmarks)
    short = PlacedParticles(bps_options(**SIZES), positions, landmarks)
    position, velocity, groups = positions.copy(), np.zeros_like(positions), [0, 0, 1, 1]
    forces = 5.0 * np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)])
    for chosen in actions:
        views, states = placed.step(chosen), short.step(chosen).state
        velocity = 0.75 * velocity + 0.1 * forces[chosen.T]
        position = position + 0.1 * velocity
        ways = landmarks[:, None] - position[:, :, None]  # [episodes, agents, groups, 2]
        seen = np.concatenate([velocity, position, ways.reshape(2, 4, 4)], axis=2)
        distances = np.sqrt((ways[:, range(4), groups] ** 2).sum(-1))
        np.testing.assert_array_equal(views.observations, seen.transpose(1, 0, 2).astype(np.float32))
        np.testing.assert_array_equal(views.state, seen.reshape(2, -1).astype(np.float32))
        np.testing.assert_array_equal(views.individual_rewards, (-0.5 * distances.T).astype(np.float32))
        np.testing.assert_allclose(views.team_reward, -0.5 * distances.sum(1), rtol=1e-6)
        sufficient = np.concatenate([seen[..., :4].reshape(2, -1), landmarks.reshape(2, -1)], axis=1)
        np.testing.assert_array_equal(states, sufficient.astype(np.float32))


@given(positions=drawn(1, 4, 2), landmarks=drawn(1, 2, 2), actions=ACTIONS)
@settings(max_examples=25, deadline=None)
def test_agents_of_one_group_are_interchangeable(
    positions: np.ndarray, landmarks: np.ndarray, actions: np.ndarray
) -> None:
    """Swapping two agents of a group swaps what they see and earn, and nothing else."""
    swapped, options = [1, 0, 2, 3], bps_options(**SIZES)
    one, other = (PlacedParticles(options, each, landmarks) for each in (positions, positions[:, swapped]))
    for chosen in actions[:, :, :1]:
        views, mirrored = one.step(chosen), other.step(chosen[swapped])
        np.testing.assert_array_equal(views.observations[swapped], mirrored.observations)
        np.testing.assert_array_equal(views.individual_rewards[swapped], mirrored.individual_rewards)
        np.testing.assert_allclose(views.team_reward, mirrored.team_reward, rtol=1e-6)


@given(positions=drawn(1, 4, 2), landmarks=drawn(1, 2, 2), actions=ACTIONS)
@settings(max_examples=25, deadline=None)
def test_left_and_right_are_mirror_images(positions: np.ndarray, landmarks: np.ndarray, actions: np.ndarray) -> None:
    mirror, options = np.array([-1.0, 1.0]), bps_options(**SIZES)
    one = PlacedParticles(options, positions, landmarks)
    other = PlacedParticles(options, positions * mirror, landmarks * mirror)
    for chosen in actions[:, :, :1]:
        views, mirrored = one.step(chosen), other.step(np.array([NOTHING, RIGHT, LEFT, DOWN, UP])[chosen])
        np.testing.assert_array_equal(views.observations * np.tile(mirror, 4), mirrored.observations)
        np.testing.assert_array_equal(views.individual_rewards, mirrored.individual_rewards)


@given(positions=drawn(1, 4, 2), landmarks=drawn(1, 2, 2), actions=ACTIONS)
@settings(max_examples=25, deadline=None)
def test_shuffled_observations_are_what_python_shuffles(
    positions: np.ndarray, landmarks: np.ndarray, actions: np.ndarray
) -> None:
    plain = PlacedParticles(bps_options(**SIZES), positions, landmarks)
    shuffled = PlacedParticles(bps_options(**SIZES, shuffled=True), positions, landmarks)
    for chosen in actions[:, :, :1]:
        views, other = plain.step(chosen), shuffled.step(chosen)
        for agent, group in enumerate([0, 0, 1, 1]):
            numbers = list(views.observations[agent, 0])
            random.Random(group).shuffle(numbers)
            np.testing.assert_array_equal(other.observations[agent, 0], np.array(numbers, np.float32))
        np.testing.assert_array_equal(views.state, other.state)
        np.testing.assert_array_equal(views.individual_rewards, other.individual_rewards)
