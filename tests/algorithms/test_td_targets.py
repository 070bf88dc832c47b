"""Lambda-returns by hand, and by both of their implementations."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedqmix.algorithms.q_learning.kernels.targets import td_targets as by_kernel
from fedqmix.algorithms.q_learning.td_targets import td_targets as by_torch
from fedqmix.runtime.core.timeline import timeline

GAMMA = 0.5


def kernel(rewards, not_terminated, next_values, order, gamma, td_lambda):
    """The kernel as the other is called: an output at a time."""
    found = next_values.numpy().copy()
    for row in found:
        by_kernel(rewards.numpy(), not_terminated.numpy(), order.begins, gamma, td_lambda, row)
    return torch.from_numpy(found)


BOTH = pytest.mark.parametrize("targets", [kernel, by_torch], ids=["kernel", "torch"])


def packed(episodes, order):
    """[[one number a step] an episode] -> [transitions], time step by time step."""
    return torch.tensor(
        [one[t] for t in range(int(order.lengths[0])) for one in episodes if t < len(one)], dtype=torch.float64
    )


def unpacked(column, order):
    """The way back."""
    episodes = [[] for _ in range(order.batch)]
    taken = order.taken
    for value, episode in zip(column.tolist(), order.moment_episode[taken], strict=True):
        episodes[episode].append(value)
    return episodes


def returns(targets, rewards, terminated, values, td_lambda):
    """TD targets of episodes given as lists, longest first."""
    order = timeline(np.array([len(one) for one in rewards]))
    going = [[1.0] * (len(one) - 1) + [0.0 if over else 1.0] for one, over in zip(rewards, terminated, strict=True)]
    found = targets(
        packed(rewards, order), packed(going, order), packed(values, order).unsqueeze(0), order, GAMMA, td_lambda
    )
    assert found.shape == (1, order.transitions)
    return unpacked(found[0], order)


@BOTH
def test_lambda_1_is_the_discounted_return_and_a_bootstrap_where_it_was_cut_off(targets):
    """Four steps that were terminated, and two that were truncated although the batch goes on for longer."""
    rewards, values = [[1.0, 2.0, 4.0, 8.0], [1.0, 3.0]], [[9.0, 9.0, 9.0, 9.0], [9.0, 20.0]]
    assert returns(targets, rewards, [True, False], values, 1.0) == [
        [1 + 2 / 2 + 4 / 4 + 8 / 8, 2 + 4 / 2 + 8 / 4, 4 + 8 / 2, 8.0],
        [1 + 3 / 2 + 20 / 4, 3 + 20 / 2],
    ]


@BOTH
def test_lambda_0_is_one_step_q_learning(targets):
    rewards, values = [[1.0, 2.0, 4.0], [3.0]], [[10.0, 20.0, 30.0], [40.0]]
    assert returns(targets, rewards, [True, False], values, 0.0) == [[1 + 10 / 2, 2 + 20 / 2, 4.0], [3 + 40 / 2]]


@BOTH
def test_between_them_both_count(targets):
    """lambda 1/4: the last is 8; 4 + (3/4 20 + 1/4 8) / 2 = 12.5; 2 + (3/4 10 + 1/4 12.5) / 2 = 7.3125."""
    assert returns(targets, [[2.0, 4.0, 8.0]], [True], [[10.0, 20.0, 30.0]], 0.25) == [[7.3125, 12.5, 8.0]]


def test_outputs_may_have_rewards_of_their_own():
    order = timeline(np.array([4, 2, 2, 1]))
    random = np.random.default_rng(3)
    rewards, values = torch.from_numpy(random.standard_normal((2, 3, order.transitions)))
    going = torch.ones(order.transitions, dtype=torch.float64)
    going[torch.from_numpy(order.ends[:2])] = 0
    for td_lambda in (0.0, 0.7):
        found = by_torch(rewards, going, values, order, GAMMA, td_lambda)
        alone = [
            by_torch(r, going, v.unsqueeze(0), order, GAMMA, td_lambda) for r, v in zip(rewards, values, strict=True)
        ]
        assert torch.equal(found, torch.cat(alone))


@BOTH
@given(st.lists(st.integers(1, 13), min_size=1, max_size=9), st.floats(0.01, 1), st.integers(0, 2**32 - 1))
def test_many_episodes_one_by_one(targets, lengths, td_lambda, seed):
    """Every episode for itself, from its end, at any place in a batch; and all outputs alike."""
    random = np.random.default_rng(seed)
    order = timeline(np.sort(np.array(lengths))[::-1].copy())
    rewards, values = random.standard_normal(order.transitions), random.standard_normal((2, order.transitions))
    going = np.ones(order.transitions)
    going[order.ends] = random.integers(0, 2, order.batch)
    tensors = [torch.from_numpy(one) for one in (rewards, going, values)]
    found = targets(*tensors, order, GAMMA, td_lambda)
    for output in range(2):
        for got, r, on, v in zip(
            *(unpacked(torch.as_tensor(one), order) for one in (found[output], rewards, going, values[output])),
            strict=True,
        ):
            after = v[-1]
            for t in reversed(range(len(r))):
                after = r[t] + GAMMA * on[t] * ((1 - td_lambda) * v[t] + td_lambda * after)
                assert got[t] == pytest.approx(after, rel=1e-12, abs=1e-12)
