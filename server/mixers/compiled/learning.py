"""QMIX's training step by the kernel."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from kernels.compile import Numbers
from kernels.crew import Crew
from server.mixers.compiled.hypernetwork import Hypernetwork
from server.mixers.compiled.learn import Mixing, Transitions, learn
from server.mixers.qmix import QmixMixer
from server.team_records import TeamTransitions

PARTS = 8  # that a batch's transitions are always cut into, so that results do not depend on the number of threads


class CompiledQmix:
    """Computes what QMIX learns from a batch, by as many threads as crews have."""

    def __init__(self) -> None:
        self._crew = Crew()

    def learn(
        self,
        online: QmixMixer,
        target: QmixMixer,
        transitions: TeamTransitions,
        gamma: float,
        q_taken: torch.Tensor,
        q_next: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return d loss / d q_taken [agents, transitions] and the TD errors [1, transitions]; fill online's gradients.

        The loss is the mean squared TD error; see server.team_learner.
        """
        gradient, errors = torch.empty_like(q_taken), q_taken.new_empty(1, q_taken.shape[1])
        own, targets = _mixing(online), _mixing(target)
        found = np.zeros((PARTS, sum(array.size for network in own for array in network)), own.value.first.dtype)
        shares = [_cut(row, own) for row in found]
        columns = Transitions(
            states=transitions.states.numpy(),
            rows=transitions.rows,
            next_rows=transitions.next_rows,
            rewards=transitions.rewards.numpy(),
            going_on=transitions.going_on.numpy(),
        )
        taken, following = q_taken.contiguous().numpy(), q_next.contiguous().numpy()

        def task(part: int) -> None:
            first, last = (q_taken.shape[1] * end // PARTS for end in (part, part + 1))
            learned = gradient.numpy(), errors[0].numpy(), shares[part]
            learn(own, targets, columns, first, last, gamma, taken, following, *learned)

        self._crew.each(task, PARTS)
        for name, share in _cut(found.sum(0), own)._asdict().items():
            for parameter, total in zip(getattr(online, name).parameters(), share, strict=False):
                parameter.grad = torch.from_numpy(np.ascontiguousarray(total.T))
        return gradient, errors


def _mixing(mixer: QmixMixer) -> Mixing:
    return Mixing(**{name: _hypernetwork(getattr(mixer, name)) for name in Mixing._fields})


def _hypernetwork(network: nn.Module) -> Hypernetwork:
    parameters = [parameter.detach().t().contiguous().numpy() for parameter in network.parameters()]
    dtype = parameters[0].dtype
    return Hypernetwork(*parameters, *([np.empty((0, 0), dtype), np.empty(0, dtype)] if len(parameters) == 2 else []))


def _cut(row: Numbers, like: Mixing) -> Mixing:
    """Cut a row into arrays of the shapes of another mixing's, one after the other."""
    ends = iter(np.cumsum([array.size for network in like for array in network]).tolist())

    def part(array: Numbers) -> Numbers:
        end = next(ends)
        return row[end - array.size : end].reshape(array.shape)

    return Mixing(*(Hypernetwork(*(part(array) for array in network)) for network in like))
