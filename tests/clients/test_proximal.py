"""FedProx: the gradient of mu / 2 ||theta - theta_0||^2, added to each agent's own before norms and clipping."""

from __future__ import annotations

import pytest
import torch
from flwr.app import MessageType

from fedqmix.clients.learning import train_step
from fedqmix.clients.proximal import Proximal
from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.runtime.core import messages as m
from support.episodes import without_kernels
from support.real_team import NEVER, run
from support.toy_team import algorithm, make_team

MU = 0.3


def leaves(seed, **shapes):
    random = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=random, dtype=torch.float64).requires_grad_()
        for name, shape in shapes.items()
    }


def test_it_is_the_gradient_of_half_the_squared_distance():
    online, start = (leaves(seed, first=(3, 4, 5), last=(3, 2)) for seed in (1, 2))
    distance = sum((online[name] - start[name].detach()).square().sum() for name in online)
    expected = dict(zip(online, torch.autograd.grad(MU / 2 * distance, list(online.values())), strict=True))
    own = leaves(3, first=(3, 4, 5), last=(3, 2))
    for name, value in online.items():
        value.grad = own[name].detach().clone()
    Proximal(MU, start, online).add_gradient(online)
    for name, value in online.items():
        torch.testing.assert_close(value.grad, own[name].detach() + expected[name], rtol=1e-12, atol=1e-12)


def test_parameters_that_are_not_shared_are_not_pulled():
    online = leaves(1, shared=(2, 3), personal=(2, 3))
    for value in online.values():
        value.grad = torch.zeros_like(value)
    Proximal(MU, leaves(2, shared=(2, 3), personal=(2, 3)), ["shared"]).add_gradient(online)
    assert online["shared"].grad.all()
    assert not online["personal"].grad.any()


@pytest.mark.parametrize("compiled", [True, False], ids=["kernels", "torch"])
def test_a_training_step_adds_it_before_norms_and_clipping(compiled):
    """The same step with and without: gradients differ by the pull, and the norms are those of the sum."""
    taken = {}
    for pulled in (True, False):
        team = make_team(algorithm(grad_norm_clip=1e9))
        if not compiled:
            without_kernels(team.agents, team.learner)
        train_round(team.agents, team.world, team.learner, RoundPlan(2, NEVER, False))
        online = {name: value.detach().clone() for name, value in team.agents.online.items()}
        away = {name: value + 1 for name, value in online.items()}
        norms = Norms(team.learner)
        train_step(team.agents, norms, proximal=Proximal(MU, away, ["head.bias", "gru.weight_hh"]) if pulled else None)
        taken[pulled] = {name: value.grad.clone() for name, value in team.agents.online.items()}
        sums = sum(gradient.double().square().flatten(1).sum(1) for gradient in taken[pulled].values())
        torch.testing.assert_close(norms.seen, sums, rtol=1e-5, atol=0)
    for name, gradient in taken[True].items():
        pull = -MU if name in ("head.bias", "gru.weight_hh") else 0
        torch.testing.assert_close(gradient - taken[False][name], torch.full_like(gradient, pull), rtol=1e-4, atol=1e-5)


class Norms:
    """A mixer that remembers the norms it was told."""

    def __init__(self, learner):
        self._learner = learner
        self.exchange = learner.exchange

    def clip(self, squared_norms):
        self.seen = squared_norms.clone()
        return self._learner.clip(squared_norms)


def test_a_round_is_pulled_towards_what_the_server_sent():
    """The more, the less far the agents go; and the plan says it under Flower's own name."""
    moved = {}
    for mu in (0.0, 0.05, 5.0):
        _, _, grid, _ = run("a_pps", 1, NEVER, aggregation_interval=12, proximal_mu=mu)
        questions, replies = (
            [one for one in messages if one.metadata.message_type == MessageType.TRAIN]
            for messages in (grid.questions, grid.replies)
        )
        assert all(question.content.config_records[m.PLAN]["proximal-mu"] == mu for question in questions)
        moved[mu] = sum(
            float(((reply[name].numpy() - question[name].numpy()) ** 2).sum())
            for question, reply in zip(
                *([one.content.array_records[m.ARRAYS] for one in messages] for messages in (questions, replies)),
                strict=True,
            )
            for name in question
        )
    assert moved[5.0] < moved[0.05] < moved[0.0]
