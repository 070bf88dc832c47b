"""Hand-written policies reach the returns that integrals give, and those of an independent simulation.

The simulated figures (SIMULATED) come from another program with its own random numbers: mean team returns of 1,000
episodes. So both means have a standard error, and ours stands for both. The seed is fixed: each test has one outcome.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from fedqmix.analysis.benchmarks.spread import measure, returns_of, table
from fedqmix.analysis.benchmarks.spread_integrals import distance_to_centre, expected_random, expected_still
from fedqmix.envs import make_world
from fedqmix.envs.bps.policies import POLICIES, SpreadTeam, approach, push_towards
from fedqmix.envs.bps.rules import LEFT, NOTHING, RIGHT
from fedqmix.envs.bps.tasks import TASKS
from support.particles import PlacedParticles, bps_options
from support.worlds import KeepingSink, training

EPISODES = 1000
SIMULATED = {
    "bps-1": {"random": -936, "still": -897, "centre": -696, "greedy": -210, "lookahead": -202},
    "bps-2": {"random": -1861, "still": -1790, "centre": -1405, "greedy": -418},
    "bps-3": {"random": -1864, "still": -1797, "centre": -1544, "greedy": -421},
    "bps-4": {"random": -1863, "still": -1794, "centre": -1535, "greedy": -418},
}


def mean_and_error(task: str, policy: str) -> tuple[float, float]:
    returns = returns_of(policy, task, bps_options(), EPISODES, seed=0)
    assert returns.shape == (EPISODES,)
    return float(returns.mean()), float(returns.std(ddof=1) / EPISODES**0.5)


def require_simulated(task: str, policy: str) -> None:
    mean, error = mean_and_error(task, policy)
    assert abs(mean - SIMULATED[task][policy]) < 2 * 2**0.5 * error


@pytest.mark.parametrize("policy", ["random", "still", "centre", "greedy"])
def test_returns_are_within_two_standard_errors_of_the_simulated(policy: str) -> None:
    require_simulated("bps-1", policy)


OTHERS = [
    (task, policy) for task in SIMULATED for policy in SIMULATED[task] if task != "bps-1" or policy == "lookahead"
]


@pytest.mark.slow
@pytest.mark.parametrize(("task", "policy"), OTHERS)
def test_the_other_simulated_returns_too(task: str, policy: str) -> None:
    require_simulated(task, policy)


@pytest.mark.parametrize(("policy", "expected"), [("still", expected_still), ("random", expected_random)])
def test_returns_are_within_two_standard_errors_of_the_integrals(policy: str, expected: object) -> None:
    mean, error = mean_and_error("bps-4", policy)
    assert abs(mean - 30 * expected(50)) < 2 * error


def test_the_integrals_are_right() -> None:
    """Against plain sums over many draws; an independent way to the same numbers."""
    draws = np.random.default_rng(0)
    starts, landmarks = draws.uniform(-1, 1, (200_000, 2)), draws.uniform(-3, 3, (200_000, 3, 2))
    distances = np.linalg.norm(starts - landmarks[:, 0], axis=1)
    assert expected_still(50) / -25 == pytest.approx(distances.mean(), abs=3 * distances.std() / 200_000**0.5)
    ways = np.linalg.norm(landmarks[:, 0] - landmarks.mean(1), axis=1)
    assert distance_to_centre(3) == pytest.approx(ways.mean(), abs=3 * ways.std() / 200_000**0.5)


def test_a_team_at_the_centre_is_as_far_from_its_landmarks_as_the_integral_says() -> None:
    """In the last half of an episode; hovering around the centre adds a little, never more than 2 %."""
    world, team = make_world("bps-1", 0, bps_options(), sink := KeepingSink()), SpreadTeam("centre", TASKS["bps-1"], 0)
    team.begin(training(0, EPISODES))
    time_step = world.begin(training(0, EPISODES))
    while not time_step.truncated.all():
        time_step = world.step(team.choose(time_step.observations))
    rewards = np.stack([each.team_reward for each in sink.time_steps[26:]])
    distances = rewards.mean(0) / -0.5 / 15
    error = distances.std(ddof=1) / EPISODES**0.5
    expected = distance_to_centre(3)
    assert expected - 2 * error < distances.mean() < 1.02 * expected + 2 * error


def test_the_more_a_policy_knows_the_better_it_is() -> None:
    returns = {policy: returns_of(policy, "bps-5", bps_options(), 50, seed=3).mean() for policy in POLICIES}
    assert sorted(returns, key=lambda policy: returns[policy]) == list(POLICIES)


def test_shuffled_observations_are_read_as_plain_ones() -> None:
    """The scripts know the orders: they play alike in bps-1 and bps-5, which begin alike."""
    for policy in POLICIES:
        plain, shuffled = (returns_of(policy, task, bps_options(), 3, seed=1) for task in ("bps-1", "bps-5"))
        np.testing.assert_array_equal(plain, shuffled)


def test_looking_ahead_brakes_where_greed_overshoots() -> None:
    velocity, goal = np.array([[[1.5, 0.0]]]), np.array([[[0.1, 0.0]]])
    assert push_towards(goal) == RIGHT
    assert approach(velocity, goal, 1) == NOTHING
    assert approach(velocity, goal, 3) == LEFT
    assert push_towards(np.zeros((1, 1, 2))) == NOTHING
    assert approach(np.zeros((1, 1, 2)), np.zeros((1, 1, 2)), 3) == NOTHING


def test_looking_ahead_finds_the_best_of_all_sequences() -> None:
    """Against every sequence of three actions, played by the world's own rules."""
    draws = np.random.default_rng(2)
    positions, landmark = draws.uniform(-1, 1, (1, 1, 2)), draws.uniform(-1, 1, (1, 1, 2))
    sums = {}
    for sequence in product(range(5), repeat=3):
        placed = PlacedParticles(bps_options(groups=1, group_size=1), positions, landmark)
        sums[sequence] = sum(placed.step([[action]]).team_reward[0] for action in sequence)
    best = max(sums, key=lambda sequence: sums[sequence])
    assert approach(np.zeros((1, 1, 2)), landmark - positions, 3) == best[0]


def test_figures_are_json_with_a_table() -> None:
    figures = measure(["bps-1", "bps-5"], bps_options(episode_limit=3), ("still", "greedy"), episodes=4)
    still = figures["results"]["bps-5"]["still"]
    assert still["expected_return"] == pytest.approx(15 * expected_still(3), abs=0.01)
    assert figures["results"]["bps-1"]["greedy"]["expected_return"] is None
    lines = table(figures).splitlines()
    assert lines[0] == "| task | still | greedy |"
    assert lines[2].startswith(f"| bps-1 | {figures['results']['bps-1']['still']['return_mean']:.1f} ± ")
