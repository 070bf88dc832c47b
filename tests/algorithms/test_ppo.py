"""IPPO's and MAPPO's losses on batches made by hand, and the policies that both learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fedqmix.algorithms import ALGORITHMS, make_team_half
from fedqmix.algorithms.base import TeamInputs, learn, target_of
from fedqmix.algorithms.ppo.agent import entropy, log_probabilities
from fedqmix.algorithms.ppo.team import clipped_surrogate
from fedqmix.conf.schema import ON_POLICY
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import TeamSpec
from support.toy_team import algorithm

SPEC = TeamSpec("by hand", n_agents=2, n_actions=3, observation=Flat(1), state=Flat(1), episode_limit=3)
ORDER = timeline(np.array([3, 2], np.int64))  # the first episode terminates, the second meets its limit
# transitions: time 0 of both episodes, time 1 of both, time 2 of the first; moments: the last ones of both as well
REWARDS = torch.tensor([1.0, 0.0, 0.0, 1.0, 2.0])
NOT_TERMINATED = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0])
VALUES = (4.0, 2.0, 2.0, 4.0, 6.0, 8.0, 100.0)  # of the 7 moments; the 100 follows termination, and must not count
GAMMA = LAMBDA = 0.5
# first episode:  delta = 1 + 2/2 - 4, 0 + 6/2 - 2, 2 - 6 = -2, 1, -4;  A = -2 + 0/4, 1 - 4/4, -4
# second episode: delta = 0 + 4/2 - 2, 1 + 8/2 - 4 = 0, 1;              A = 0 + 1/4, 1
ADVANTAGES = (-2.0, 0.25, 0.0, 1.0, -4.0)


def transitions():
    states = torch.arange(ORDER.moments, dtype=torch.float32).unsqueeze(1)
    after = np.arange(ORDER.batch, ORDER.moments)
    return TeamTransitions(states, ORDER.taken, after, REWARDS, NOT_TERMINATED, ORDER)


def half(name, **changes):
    settings = algorithm(**({"name": name, "gamma": GAMMA, "gae_lambda": LAMBDA} | changes))
    return make_team_half(ALGORITHMS[name], settings, SPEC, seed=1)


def rows(log_ratio=0.0):
    """Two agents with the same values; the ratio is the same at every transition."""
    old = torch.full((2, ORDER.transitions), -1.0)
    return {
        "log_prob": old + log_ratio,
        "log_prob_old": old,
        "entropy": torch.full((2, ORDER.transitions), 0.5),
        "value": torch.tensor([VALUES, VALUES]),
    }


def learned(own, given):
    given = {row.name: given[row.name] for row in type_rows(own)}
    return learn(TeamInputs(own, target_of(own), given, transitions()), type_rows(own))


def type_rows(own):
    return next(one.rows for one in ALGORITHMS.values() if one.team is type(own))


def raw_advantages(own, given):
    values, following = own.values(given, transitions())
    return own.returns(following, transitions()) - values


def test_advantages_after_termination_and_after_the_limit():
    found = raw_advantages(half("ippo"), rows())
    assert found.tolist() == [pytest.approx(ADVANTAGES)] * 2


def test_mappos_advantages_are_those_of_its_critic_over_the_state():
    own = half("mappo")
    table = torch.tensor(VALUES)
    own.critic = torch.nn.Module()
    own.critic.forward = lambda state: table[state.squeeze(1).long()].unsqueeze(1)  # the state is the moment's number
    assert raw_advantages(own, rows()).tolist() == [pytest.approx(ADVANTAGES)]


def test_advantages_are_normalised_for_each_critic_by_itself():
    raw = torch.tensor([[1.0, 2.0, 3.0, 6.0], [10.0, 20.0, 30.0, 60.0]])
    normalised = half("ippo").advantages(raw)
    assert torch.allclose(normalised[0], normalised[1])
    assert torch.allclose(normalised.mean(1), torch.zeros(2), atol=1e-6)
    assert torch.allclose(normalised.std(1, unbiased=False), torch.ones(2))
    assert torch.equal(half("ippo", normalise_advantages=False).advantages(raw), raw)


def test_the_clipped_surrogate_above_and_below_with_both_signs():
    ratio = torch.tensor([[1.5, 0.5, 1.5, 0.5, 1.1]], requires_grad=True)
    advantages = torch.tensor([[1.0, 1.0, -1.0, -1.0, 2.0]])
    found = clipped_surrogate(ratio, advantages, 0.2)
    assert found.tolist() == [pytest.approx([1.2, 0.5, -1.5, -0.8, 2.2])]
    found.sum().backward()
    # nothing is gained by going on to where the advantage has already led; the way back stays open
    assert ratio.grad.tolist() == [pytest.approx([0.0, 1.0, -1.0, 0.0, 2.0])]


@pytest.mark.parametrize("log_ratio", [0.0, math.log(1.1), math.log(2.0), math.log(0.5)])
def test_gradients_of_all_rows(log_ratio):
    own = half("ippo", clip_ratio=0.2, entropy_coefficient=0.1, value_coefficient=0.5, normalise_advantages=False)
    gradients, figures = learned(own, rows(log_ratio))
    ratio, count = math.exp(log_ratio), 2 * ORDER.transitions
    beyond = [(a > 0 and ratio > 1.2) or (a < 0 and ratio < 0.8) for a in ADVANTAGES]
    policy = [0.0 if cut else -ratio * a / count for a, cut in zip(ADVANTAGES, beyond, strict=True)]
    of_values = [2 * 0.5 * -a / count for a in ADVANTAGES]  # V - G = -A; the last moments have none
    for agent in range(2):
        assert gradients["log_prob"][agent].tolist() == pytest.approx(policy, abs=1e-7)
        assert gradients["entropy"][agent].tolist() == pytest.approx([-0.1 / count] * 5)
        taken = gradients["value"][agent][torch.from_numpy(ORDER.taken)].tolist()
        assert taken == pytest.approx(of_values)
        assert gradients["value"][agent].count_nonzero() == np.count_nonzero(ADVANTAGES)
    squares = np.square(ADVANTAGES).mean()
    surrogate = np.mean([min(ratio * a, np.clip(ratio, 0.8, 1.2) * a) for a in ADVANTAGES])
    assert float(figures["critic_loss"]) == pytest.approx(squares)
    assert float(figures["loss"]) == pytest.approx(-surrogate - 0.1 * 0.5 + 0.5 * squares, abs=1e-6)
    assert float(figures["clipped"]) == (1.0 if abs(ratio - 1) > 0.2 else 0.0)
    assert float(figures["kl"]) == pytest.approx(ratio - 1 - log_ratio, abs=1e-6)


def test_mappos_critic_learns_and_gives_the_agents_no_gradient_of_a_value():
    own = half("mappo")
    gradients, _ = learned(own, rows())
    assert set(gradients) == {"log_prob", "entropy"}
    assert all(value.grad is not None and value.grad.any() for value in own.parameters())


def test_rows_that_no_honest_agent_sends_leave_the_loss_finite():
    given = rows()
    given["log_prob_old"][0] = -1e30
    gradients, figures = learned(half("mappo"), given)
    assert all(torch.isfinite(value).all() for value in [*gradients.values(), *figures.values()])
    honest, _ = learned(half("mappo"), rows())
    assert torch.equal(gradients["log_prob"][1], honest["log_prob"][1])  # and change nothing for another agent


def test_log_probabilities_and_entropy_over_the_available_actions():
    logits = torch.tensor([[0.0, 50.0, math.log(2)]], requires_grad=True)
    available = torch.tensor([[True, False, True]])
    found = log_probabilities(logits, available)
    assert found.exp().tolist() == [pytest.approx([1 / 3, 0.0, 2 / 3])]
    assert found.exp()[0, 1].item() == 0.0
    assert found[0, [0, 2]].tolist() == pytest.approx([math.log(1 / 3), math.log(2 / 3)])
    nats = entropy(found)
    assert nats.item() == pytest.approx(-math.log(1 / 3) / 3 - 2 * math.log(2 / 3) / 3)
    (1e6 * (nats + found[0, 0])).sum().backward()  # any gradient may come back through the cut
    assert torch.isfinite(logits.grad).all()
    assert float(logits.grad[0, 1]) == 0.0


def test_with_one_available_action_there_is_nothing_to_learn():
    logits = torch.randn(1, 3, requires_grad=True)
    found = log_probabilities(logits, torch.tensor([[True, False, False]]))
    (entropy(found) + found[:, 0]).sum().backward()
    assert found[0, 0].item() == 0.0
    assert not logits.grad.any()


def test_the_settings_know_which_algorithms_learn_from_the_newest_episodes():
    assert tuple(name for name, one in ALGORITHMS.items() if one.agent.replay == "newest") == ON_POLICY
    assert tuple(name for name, one in ALGORITHMS.items() if one.agent.selection == "categorical") == ON_POLICY
