"""What a joint value can represent: the payoffs 8, -12, 0 of env=matrix, learned by the real team halves from tables.

The agents are tables of values, one number for each action, so that no network's size or initialisation decides. All
joint actions are in every batch once: full exploration.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from fedqmix.algorithms import ALGORITHMS, make_team_half
from fedqmix.algorithms.base import target_of
from fedqmix.envs import team_spec
from fedqmix.envs.options import world_options
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.timeline import timeline
from support.toy_team import algorithm

SPEC = team_spec("qtran", world_options("matrix"))
PAYOFFS = torch.tensor([[8.0, -12.0, -12.0], [-12.0, 0.0, 0.0], [-12.0, 0.0, 0.0]])
JOINT = torch.cartesian_prod(torch.arange(3), torch.arange(3)).t()  # [agents, joint actions]
COUNT, WIDTH = 9, 8


def transitions() -> TeamTransitions:
    """One episode of one environment step for each joint action, which terminates."""
    order = timeline(np.ones(COUNT, np.int64))
    states, rewards = torch.ones(order.moments, SPEC.state_dim), PAYOFFS[JOINT[0], JOINT[1]]
    return TeamTransitions(states, order.taken, np.arange(COUNT, 2 * COUNT), rewards, torch.zeros(COUNT), order)


def chosen(table: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """table: [agents, actions, ...]. actions: [agents, joint actions]."""
    return torch.stack([own[picked] for own, picked in zip(table, actions, strict=True)])


def rows_of(values: torch.Tensor, encodings: torch.Tensor) -> Mapping[str, torch.Tensor]:
    """Every row that VDN, QMIX and QTRAN know, of tables [agents, actions(, width)]."""
    best = values.argmax(1, keepdim=True).expand(-1, COUNT)
    q, nothing = chosen(values, JOINT), torch.zeros(2, COUNT)
    of_encodings = {
        "encoding_taken": chosen(encodings, JOINT),
        "encoding_greedy": chosen(encodings, best).detach(),
        "encoding_next": torch.zeros(2, COUNT, encodings.shape[-1]),
    }
    return {"q_taken": q, "q_max": chosen(values, best), "q_next": nothing, **of_encodings}


def greedy_payoff(name: str, seed: int, steps: int) -> float:
    """Learn the tables; return the payoff of the joint action that they prefer."""
    settings = algorithm(name=name, joint_hidden=32, encoding_embed=WIDTH - 3, lambda_opt=1.0, lambda_nopt=1.0)
    half = make_team_half(ALGORITHMS[name], settings, SPEC, seed)
    target, seen = target_of(half), transitions()
    random = torch.Generator().manual_seed(seed)
    values, encodings = (torch.randn(2, 3, *more, generator=random).requires_grad_() for more in ((), (WIDTH,)))
    optimiser = torch.optim.Adam([values, encodings, *half.parameters()], lr=0.05)
    for _ in range(steps):
        loss, _ = half.loss(target, rows_of(values, encodings), seen)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    first, second = values.argmax(1).tolist()
    return float(PAYOFFS[first, second])


@pytest.mark.parametrize(("name", "finds"), [("qtran", True), ("vdn", False), ("qmix", False)])
def test_only_an_unrestricted_joint_value_finds_the_optimum_amid_losses(name, finds):
    assert (greedy_payoff(name, seed=1, steps=600) == 8.0) is finds
