"""OW- and CW-QMIX on a batch made by hand, in which every case of the weights occurs once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fedqmix.algorithms import ALGORITHMS, make_team_half
from fedqmix.algorithms.base import TeamInputs, learn, target_of
from fedqmix.algorithms.q_learning.mixers.vdn import VdnMixer
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import TeamSpec
from support.toy_team import algorithm

SPEC = TeamSpec("by hand", n_agents=2, n_actions=3, observation=Flat(1), state=Flat(1), episode_limit=4)
ORDER = timeline(np.array([4], np.int64))  # one episode of four transitions, which terminates
GAMMA, ALPHA = 0.5, 0.25


class Sum(nn.Module):
    """A central mixer that adds up, and can be told from VdnMixer: 10 more than the sum."""

    def forward(self, central, state):
        return central.sum(0, keepdim=True) + 10


def transitions(rewards):
    states = torch.zeros(ORDER.moments, 1)
    not_terminated = torch.tensor([1.0, 1.0, 1.0, 0.0])
    after = np.arange(1, ORDER.moments)
    return TeamTransitions(states, ORDER.taken, after, torch.tensor(rewards), not_terminated, ORDER)


def half(name, **changes):
    settings = algorithm(**({"name": name, "gamma": GAMMA, "td_lambda": 0.0, "alpha": ALPHA} | changes))
    made = make_team_half(ALGORITHMS[name], settings, SPEC, seed=1)
    made.mixer, made.central = VdnMixer(), Sum()
    return made


def learned(name, rows, rewards, **changes):
    own = half(name, **changes)
    given = TeamInputs(own, target_of(own), rows, transitions(rewards))
    return learn(given, ALGORITHMS[name].rows)


def pair(*values):
    """Two agents' rows: the whole value is the first one's."""
    return torch.tensor([values, [0.0] * len(values)])


Q_TAKEN, CENTRAL_TAKEN = (1.0, 2.0, 3.0, 4.0), (0.0, 1.0, 2.0, 3.0)
GREEDY = (6.0, 2.0, -4.0, 0.0, 8.0)  # c'(u^) at the five moments: F' is 16, 12, 6, 10, 18
REWARDS = [0.0, -4.0, -2.0, 5.0]
# y = r + F'(next) / 2, but for the last transition, after which the episode is over: 6, -1, 3, 5
Y = (6.0, -1.0, 3.0, 5.0)
# Q_total - y: -5, 3, 0, -1. Overestimated: the second; the third is no underestimate either
OW_WEIGHTS = (1.0, ALPHA, ALPHA, 1.0)
# F'(c'(u^_t)): 16, 12, 6, 10, all above y: what counts fully is where both agents acted greedily
ACTED = ([True, True, False, False], [True, False, True, False])
CW_WEIGHTS = (1.0, ALPHA, ALPHA, ALPHA)


def ow_rows():
    return {"q_taken": pair(*Q_TAKEN), "central_taken": pair(*CENTRAL_TAKEN), "central_next": pair(*GREEDY[1:])}


def cw_rows(acted=ACTED, greedy=GREEDY):
    rows = {"q_taken": pair(*Q_TAKEN), "central_taken": pair(*CENTRAL_TAKEN), "central_greedy": pair(*greedy)}
    return rows | {"acted_greedily": torch.tensor(acted)}


def expected(weights, y=Y):
    """The gradients of both rows by the formula of the loss, and the loss."""
    errors, central = np.subtract(Q_TAKEN, y), np.add(CENTRAL_TAKEN, 10) - y
    loss = (np.array(weights) * errors**2).mean() + (central**2).mean()
    return 2 * np.array(weights) * errors / 4, 2 * central / 4, loss


@pytest.mark.parametrize(
    ("name", "rows", "weights"), [("ow_qmix", ow_rows(), OW_WEIGHTS), ("cw_qmix", cw_rows(), CW_WEIGHTS)]
)
def test_weights_of_a_batch_made_by_hand(name, rows, weights):
    gradients, figures = learned(name, rows, REWARDS)
    q, central, _ = expected(weights)
    for agent in range(2):  # both mixers add up, so that both agents have the same gradient
        assert gradients["q_taken"][agent].tolist() == pytest.approx(q.tolist())
        assert gradients["central_taken"][agent].tolist() == pytest.approx(central.tolist())
    assert float(figures["weight_mean"]) == pytest.approx(np.mean(weights))
    assert float(figures["loss"]) == pytest.approx(np.square(np.subtract(Q_TAKEN, Y)).mean())
    assert float(figures["central_loss"]) == pytest.approx(np.square(np.add(CENTRAL_TAKEN, 10) - Y).mean())


def test_an_action_that_seems_better_than_the_greedy_one_counts_fully():
    """y of the first transition is 6 and F' of the greedy action 5: not greedy, and yet of weight 1."""
    greedy = (-5.0, *GREEDY[1:])
    gradients, _ = learned("cw_qmix", cw_rows(([False] * 4, [True] * 4), greedy), REWARDS)
    weights = (1.0, ALPHA, ALPHA, ALPHA)
    assert gradients["q_taken"][0].tolist() == pytest.approx(expected(weights)[0].tolist())


def test_alpha_1_makes_both_the_same_and_qmix_on_the_targets_of_the_central_mixer():
    ow, ow_figures = learned("ow_qmix", ow_rows(), REWARDS, alpha=1.0)
    cw, cw_figures = learned("cw_qmix", cw_rows(), REWARDS, alpha=1.0)
    for name in ("q_taken", "central_taken"):
        assert torch.equal(ow[name], cw[name])
    assert ow["q_taken"][0].tolist() == pytest.approx(expected((1.0,) * 4)[0].tolist())
    assert float(ow_figures["loss"]) == float(cw_figures["loss"])


@pytest.mark.parametrize("name", ["ow_qmix", "cw_qmix"])
def test_targets_have_no_gradient(name):
    """Neither y nor the weight moves a network: only the two taken values and both mixers have gradients."""
    settings = algorithm(name=name, gamma=GAMMA, td_lambda=0.5)
    own = make_team_half(ALGORITHMS[name], settings, SPEC, seed=1)
    target = target_of(own)
    rows = ow_rows() if name == "ow_qmix" else cw_rows()
    gradients, _ = learn(TeamInputs(own, target, rows, transitions(REWARDS)), ALGORITHMS[name].rows)
    assert set(gradients) == {"q_taken", "central_taken"}
    assert all(value.grad is None for value in target.parameters())
    assert all(value.grad is not None for value in own.parameters())
