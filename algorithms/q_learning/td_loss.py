"""What a mixer learns from a batch, by torch: for one team, or for several runs' teams at once.

Several mixers of the same kind are one program over a leading axis (torch.vmap). Their batches differ in length, so the
shorter ones are filled up with repetitions of their first transition, which no loss counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from fedqmix.algorithms.q_learning.td_targets import td_targets
from fedqmix.runtime.core.world import Integers
from fedqmix.server.team_records import TeamTransitions


class TdLossInputs(NamedTuple):
    """One team's mixers, and what they are to learn from."""

    mixer: nn.Module
    target: nn.Module
    transitions: TeamTransitions
    gamma: float
    td_lambda: float
    q_taken: torch.Tensor  # [agents, transitions]
    q_next: torch.Tensor  # [agents, transitions]


def learn_batched(inputs: Sequence[TdLossInputs]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return d loss / d q_taken [agents, transitions] and the TD errors [outputs, transitions] of every team.

    Fills the gradients of every mixer. Each team's loss is the mean of its own squared TD errors.
    """
    columns = [one.transitions for one in inputs]
    longest = max(one.q_taken.shape[1] for one in inputs)
    with torch.no_grad():
        states = [_states(own.states, own.next_rows, longest) for own in columns]
        next_values = _values([one.target for one in inputs], [one.q_next for one in inputs], states)
    taken = [one.q_taken.detach().requires_grad_() for one in inputs]
    states = [_states(own.states, own.rows, longest) for own in columns]
    values = _values([one.mixer for one in inputs], taken, states)
    errors = []
    for one, value, next_value in zip(inputs, values, next_values, strict=True):
        own = slice(0, one.q_taken.shape[1])
        seen = one.transitions
        target = td_targets(
            seen.rewards, seen.not_terminated, next_value[:, own], seen.timeline, one.gamma, one.td_lambda
        )
        errors.append(value[:, own] - target)
        one.mixer.zero_grad()  # a step that was broken off may have left some
    torch.autograd.backward([error.square().mean() for error in errors])
    return [(_gradient(q), error.detach()) for q, error in zip(taken, errors, strict=True)]


def _values(networks: Sequence[nn.Module], q: Sequence[torch.Tensor], states: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return what mixers make of Q-values [agents, transitions]: [teams, outputs, longest].

    states: [longest, state_dim] each.
    """
    if len(networks) == 1:
        alone: torch.Tensor = networks[0](q[0], states[0])
        return alone.unsqueeze(0)
    parameters = [dict(one.named_parameters()) for one in networks]
    stacked = {name: torch.stack([one[name] for one in parameters]) for name in parameters[0]}
    wide = torch.stack([nn.functional.pad(one, (0, len(states[0]) - one.shape[1])) for one in q])
    values: torch.Tensor = torch.vmap(partial(functional_call, networks[0]))(stacked, (wide, torch.stack(list(states))))
    return values


def _states(states: torch.Tensor, rows: Integers, longest: int) -> torch.Tensor:
    """Return the states [longest, state_dim] at some rows of the buffer, filled up with the first."""
    wide = np.concatenate([rows, np.full(longest - len(rows), rows[0])])
    return states[torch.from_numpy(wide).to(states.device)]


def _gradient(q: torch.Tensor) -> torch.Tensor:
    assert q.grad is not None
    return q.grad
