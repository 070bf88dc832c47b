"""Weights are shares: they sum to 1, none is above the cap, and they go with the agent, not with its place."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedqmix.strategies.weights import capped, proportional, softmax, uniform, weighted_sum
from support.toy_agents import make_strategy

FINITE = st.floats(allow_nan=False, allow_infinity=False)
REWARDS = st.lists(st.one_of(st.floats(0, 1e4), FINITE, st.just(0.0)), min_size=1, max_size=8)
CAPS = st.floats(0.01, 1)
EARNED = st.lists(st.floats(0, 1e4), min_size=1, max_size=8).filter(lambda row: sum(row) > 1e-300)


def are_shares(weights, n):
    assert len(weights) == n
    assert all(0 <= weight <= 1 for weight in weights)
    assert math.fsum(weights) == pytest.approx(1, abs=1e-12)


@given(REWARDS, CAPS)
def test_weights_are_shares(rewards, cap):
    for weights in (uniform(len(rewards)), proportional(rewards, cap), softmax(rewards, cap)):
        are_shares(weights, len(rewards))


@given(REWARDS, CAPS)
def test_nobody_is_above_the_cap(rewards, cap):
    most = max(cap, 1 / len(rewards)) * (1 + 1e-12)
    assert max(proportional(rewards, cap)) <= most
    assert max(softmax(rewards, cap)) <= most


@given(REWARDS, CAPS, st.randoms(use_true_random=False))
def test_weights_go_with_the_agents(rewards, cap, random):
    """Exactly: no sum is taken in the agents' order."""
    order = list(range(len(rewards)))
    random.shuffle(order)
    for weigh in (proportional, softmax):
        weights = weigh(rewards, cap)
        assert weigh([rewards[i] for i in order], cap) == [weights[i] for i in order]


@given(EARNED)
def test_uncapped_weights_are_proportional(rewards):
    weights = proportional(rewards, 1.0)
    assert weights == pytest.approx([reward / math.fsum(rewards) for reward in rewards])


@given(EARNED, CAPS)
def test_a_cap_takes_from_the_highest_and_keeps_the_others_in_proportion(rewards, cap):
    shares = proportional(rewards, 1.0)
    weights = proportional(rewards, cap)
    most = max(cap, 1 / len(rewards))
    free = [i for i, weight in enumerate(weights) if weight < most * (1 - 1e-9)]
    assert all(weights[i] >= shares[i] * (1 - 1e-9) - 1e-12 for i in free)
    ratios = [weights[i] / shares[i] for i in free if shares[i] > 1e-12]
    assert not ratios or ratios == pytest.approx([ratios[0]] * len(ratios))
    for i, weight in enumerate(weights):  # the order among agents stays
        assert all(shares[j] <= shares[i] * (1 + 1e-9) for j in range(len(shares)) if weights[j] < weight * (1 - 1e-9))


@given(st.integers(1, 12), st.floats(1e-6, 1e9))
def test_equal_rewards_weigh_exactly_alike(n, reward):
    """RS-PPS on the team's reward is A-PPS to the last bit."""
    strategy = make_strategy("rs_pps", n, reward="team", max_weight=0.5)
    assert strategy.weights([reward] * n) == uniform(n)


@pytest.mark.parametrize("rewards", [[1, -1e-9, 3], [-1, -2], [0, 0, 0], [math.nan, 1], [math.inf, 1], [1, -math.inf]])
def test_what_is_no_share_weighs_alike_and_is_told_once(rewards, caplog):
    assert proportional(rewards, 0.5) == uniform(len(rewards))
    strategy = make_strategy("rs_pps", len(rewards), reward="individual", max_weight=1)
    for _ in range(3):
        assert strategy.weights(rewards) == uniform(len(rewards))
    assert strategy.weights([3.0, *[1.0] * (len(rewards) - 1)]) != uniform(len(rewards))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "weights are uniform in this round" in record.getMessage()
    assert str(rewards[0]) in record.getMessage()


def test_rewards_whose_sum_is_no_number_are_shares_all_the_same():
    assert proportional([1e308, 1e308, 0], 1.0) == [0.5, 0.5, 0]
    assert proportional([5e-324, 0], 1.0) == [1, 0]


@pytest.mark.parametrize("rewards", [[math.nan, 1], [math.inf, math.inf], [0, -math.inf]])
def test_softmax_of_what_is_not_finite(rewards, caplog):
    assert softmax(rewards, 0.5) == uniform(2)
    strategy = make_strategy("rs_pps", 2, reward="policy", max_weight=1)
    assert strategy.weights(rewards) == strategy.weights(rewards) == uniform(2)
    assert strategy.weights([-900.0, -901.0]) == softmax([-900.0, -901.0], 1) != uniform(2)
    (record,) = caplog.records
    assert "not all finite" in record.getMessage()


def test_softmax_of_far_apart_returns():
    assert softmax([1000, 0, -1000], 1.0) == [1, 0, 0]
    assert softmax([1000, 0, -1000], 0.5) == [0.5, 0.25, 0.25]  # the others' shares are both too small for a number
    assert softmax([20, 20], 1.0) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("weights", "cap", "expected"),
    [
        ([0.7, 0.2, 0.1], 0.5, [0.5, 1 / 3, 1 / 6]),
        ([0.8, 0.15, 0.05], 0.4, [0.4, 0.4, 0.2]),  # the second is pushed over the cap by what the first loses
        ([1.0, 0.0, 0.0], 0.5, [0.5, 0.25, 0.25]),
        ([0.6, 0.4], 0.1, [0.5, 0.5]),  # a cap below 1/N means 1/N
        ([0.3, 0.3, 0.4], 0.5, [0.3, 0.3, 0.4]),
        ([1.0], 0.5, [1.0]),
        ([1.0, 5e-324, 1.5e-323], 0.5, [0.5, 0.125, 0.375]),  # the smallest numbers there are keep their proportion
    ],
)
def test_caps_by_hand(weights, cap, expected):
    assert capped(weights, cap) == pytest.approx(expected)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_weighted_sum_is_taken_in_double(n, seed):
    random = np.random.default_rng(seed)
    arrays = [random.standard_normal((3, 2)).astype(np.float32) for _ in range(n)]
    weights = random.dirichlet(np.ones(n)).tolist()
    result = weighted_sum(arrays, weights)
    assert result.dtype == np.float32
    exact = [math.fsum(w * float(a.flat[k]) for a, w in zip(arrays, weights, strict=True)) for k in range(6)]
    assert np.abs(result.ravel() - np.array(exact)).max() <= 6e-8 * max(np.abs(exact).max(), 1e-3) + 1e-15


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=6), CAPS, st.floats(-1e3, 1e3, width=32))
def test_equal_networks_are_not_moved(rewards, cap, number):
    array = np.array([number, 1 / 3, -7e-3], np.float32)
    assert np.array_equal(weighted_sum([array] * len(rewards), proportional(rewards, cap)), array)
