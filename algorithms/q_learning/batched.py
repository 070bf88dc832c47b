"""The TD losses of several runs' teams at once, by torch.vmap over their mixers.

The batches differ in length. Shorter ones are padded with repetitions of their first transition, which are in no loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from fedqmix.algorithms.base import Learned, TeamInputs
from fedqmix.algorithms.q_learning.team import QLearningTeam, td_figures
from fedqmix.runtime.core.existence import mean_over_existing
from fedqmix.runtime.core.world import Integers


def learn_batched(inputs: Sequence[TeamInputs]) -> list[Learned]:
    """Return every team's gradients and figures (algorithms.base.learn); each team's loss is its own mean.

    Fills the gradients of every mixer.
    """
    halves = [cast(QLearningTeam, one.half) for one in inputs]
    targets = [cast(QLearningTeam, one.target).mixer for one in inputs]
    taken = [one.rows["q_taken"].detach().requires_grad_() for one in inputs]
    longest = max(q.shape[1] for q in taken)
    with torch.no_grad():
        states = [_states(one.transitions.states, one.transitions.next_rows, longest) for one in inputs]
        following = _values(targets, [one.rows["q_next"] for one in inputs], states)
    states = [_states(one.transitions.states, one.transitions.rows, longest) for one in inputs]
    values = _values([half.mixer for half in halves], taken, states)
    errors = []
    for one, half, q, value, after in zip(inputs, halves, taken, values, following, strict=True):
        own = slice(0, q.shape[1])
        errors.append(value[:, own] - half.returns(after[:, own], one.transitions))
        half.zero_grad()  # an interrupted training step may have left some
    exists = [one.transitions.exists for one in inputs]
    pairs = list(zip(errors, exists, strict=True))
    torch.autograd.backward([mean_over_existing(error.square(), here) for error, here in pairs])
    figures = [td_figures(error, here) for error, here in pairs]
    return [({"q_taken": _gradient(q)}, own) for q, own in zip(taken, figures, strict=True)]


def _values(mixers: Sequence[nn.Module], q: Sequence[torch.Tensor], states: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mixers' values: [teams, outputs, longest].

    q: Q-values [agents, transitions] each. states: [longest, state_dim] each.
    """
    parameters = [dict(one.named_parameters()) for one in mixers]
    stacked = {name: torch.stack([one[name] for one in parameters]) for name in parameters[0]}
    wide = torch.stack([nn.functional.pad(one, (0, len(states[0]) - one.shape[1])) for one in q])
    values: torch.Tensor = torch.vmap(partial(functional_call, mixers[0]))(stacked, (wide, torch.stack(list(states))))
    return values


def _states(states: torch.Tensor, rows: Integers, longest: int) -> torch.Tensor:
    """Return the states [longest, state_dim] at some rows of the buffer, padded with the first."""
    wide = np.concatenate([rows, np.full(longest - len(rows), rows[0])])
    return states[torch.from_numpy(wide).to(states.device)]


def _gradient(q: torch.Tensor) -> torch.Tensor:
    assert q.grad is not None
    return q.grad
