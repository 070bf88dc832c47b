"""QMIX's training step by the kernel."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from kernels.crew import Crew
from server.mixers.compiled.hypernetwork import Hypernetwork
from server.mixers.compiled.learn import Mixing, Transitions, learn
from server.mixers.qmix import QmixMixer
from server.team_records import TeamTransitions

PARTS = 8  # that a batch's transitions are always cut into, so that results do not depend on the number of threads


class CompiledQmix:
    """Computes what QMIX learns from a batch, by as many threads as torch may use when the object is made."""

    def __init__(self) -> None:
        self._crew = Crew(torch.get_num_threads())

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
        found = [_like(own) for _ in range(PARTS)]
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
            learned = gradient.numpy(), errors[0].numpy(), found[part]
            learn(own, targets, columns, first, last, gamma, taken, following, *learned)

        self._crew.each(task, PARTS)
        for name in Mixing._fields:
            _add_up(getattr(online, name), [getattr(part, name) for part in found])
        return gradient, errors


def _mixing(mixer: QmixMixer) -> Mixing:
    return Mixing(**{name: _hypernetwork(getattr(mixer, name)) for name in Mixing._fields})


def _hypernetwork(network: nn.Module) -> Hypernetwork:
    parameters = [parameter.detach().t().contiguous().numpy() for parameter in network.parameters()]
    dtype = parameters[0].dtype
    return Hypernetwork(*parameters, *([np.empty((0, 0), dtype), np.empty(0, dtype)] if len(parameters) == 2 else []))


def _like(mixing: Mixing) -> Mixing:
    return Mixing(*(Hypernetwork(*(np.zeros_like(array) for array in network)) for network in mixing))


def _add_up(network: nn.Module, parts: list[Hypernetwork]) -> None:
    for place, parameter in enumerate(network.parameters()):
        total = torch.from_numpy(np.sum([part[place] for part in parts], axis=0))
        parameter.grad = total.t().contiguous() if total.dim() == 2 else total
