"""One training step of a mixer: its gradients from a batch, their norm, Adam's step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import nn

from fedqmix.algorithms.q_learning.td_loss import TdLossInputs, learn_batched
from fedqmix.runtime.core.batched_runs import BatchedRuns, Work
from fedqmix.server.team_records import TeamTransitions


class MixerTraining(Protocol):
    """A mixer, its target and its optimiser."""

    def learn(
        self,
        transitions: TeamTransitions,
        gamma: float,
        td_lambda: float,
        q_taken: torch.Tensor,
        q_next: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return d loss / d q_taken [agents, transitions] and the TD errors [outputs, transitions].

        Fills the mixer's gradients. The loss is the mean squared TD error; see server.team_learner.
        """

    def squared_norm(self) -> torch.Tensor:
        """Return the squared 2-norm of the mixer's gradients, a float64 on its device; 0 without parameters."""

    def step(self, scale: float) -> None:
        """Take Adam's step with the gradients times `scale`."""

    def update_target(self, rate: float) -> None:
        """Move the target towards the mixer by a share of the distance; 1: copy."""

    def moments(self) -> dict[str, torch.Tensor]:
        """Return Adam's state by "QUANTITY.PARAMETER" (step, exp_avg, exp_avg_sq); empty before the first step."""

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """Replace Adam's state by what `moments` returned."""


class TorchMixerTraining:
    """A MixerTraining of torch's own operations, for any mixer on any device."""

    def __init__(self, mixer: nn.Module, target: nn.Module, learning_rate: float, together: BatchedRuns) -> None:
        self._mixer, self._target, self._together = mixer, target, together
        parameters = list(mixer.parameters())
        self._optimiser = torch.optim.Adam(parameters, lr=learning_rate, fused=True) if parameters else None

    def learn(
        self,
        transitions: TeamTransitions,
        gamma: float,
        td_lambda: float,
        q_taken: torch.Tensor,
        q_next: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See MixerTraining."""
        inputs = TdLossInputs(self._mixer, self._target, transitions, gamma, td_lambda, q_taken, q_next)
        return self._together.compute(Work.GRADIENT, inputs, learn_batched)

    def squared_norm(self) -> torch.Tensor:
        """See MixerTraining."""
        return torch.nn.utils.get_total_norm(self._gradients()).double() ** 2

    def step(self, scale: float) -> None:
        """See MixerTraining."""
        if self._optimiser is not None:
            for gradient in self._gradients():
                gradient.mul_(scale)
            self._optimiser.step()

    @torch.no_grad()
    def update_target(self, rate: float) -> None:
        """See MixerTraining."""
        for old, new in zip(self._target.parameters(), self._mixer.parameters(), strict=True):
            old.lerp_(new, rate)

    def moments(self) -> dict[str, torch.Tensor]:
        """See MixerTraining."""
        if self._optimiser is None:
            return {}
        return {
            f"{quantity}.{name}": value
            for name, parameter in self._mixer.named_parameters()
            for quantity, value in self._optimiser.state.get(parameter, {}).items()
        }

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """See MixerTraining."""
        if self._optimiser is None:
            return
        for name, parameter in self._mixer.named_parameters():
            own = {key.partition(".")[0]: value for key, value in named.items() if key.partition(".")[2] == name}
            self._optimiser.state.pop(parameter, None)  # a state from before the first step holds none
            if own:
                self._optimiser.state[parameter] = {
                    quantity: value.to(parameter.device, copy=True) for quantity, value in own.items()
                }

    def _gradients(self) -> list[torch.Tensor]:
        return [parameter.grad for parameter in self._mixer.parameters() if parameter.grad is not None]
