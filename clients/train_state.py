"""The state that a training step changes: online and target networks, their gradients, Adam's moments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import torch

from fedqmix.networks.base import Parameters


class TrainState(Protocol):
    """The networks of a stack of agents and their optimiser; all tensors have a leading agent axis."""

    online: Parameters
    """Leaves of autograd; a backward pass adds to their `grad`."""
    target: Parameters

    @property
    def exp_avg(self) -> Parameters:
        """Adam's first moments; like the networks, callers may write to them between two training steps."""

    @property
    def exp_avg_sq(self) -> Parameters:
        """Adam's second moments; callers may write to them too."""

    def zero_gradients(self) -> None:
        """Set all gradients to zero, or to None."""

    def squared_norms(self) -> torch.Tensor:
        """Return the squared 2-norm of each agent's gradient: [agents] float64."""

    def step(self, scale: float) -> None:
        """Take an Adam step with the gradients times `scale`."""

    def update_target(self, rate: float) -> None:
        """Move the target networks towards the online networks.

        rate: the share of the distance; 1 copies.
        """

    def reset_moments(self, names: Collection[str]) -> None:
        """Set Adam's moments and step counts of some parameters to zero, as before the first step."""

    def moments(self) -> dict[str, torch.Tensor]:
        """Return Adam's state by "QUANTITY.PARAMETER" (step, exp_avg, exp_avg_sq); empty before the first step."""

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """Replace Adam's state by an output of `moments`."""


class TorchTrainState:
    """A TrainState by torch's operations, for devices without compiled kernels."""

    def __init__(self, parameters: Parameters, learning_rate: float) -> None:
        """parameters: the initial values of the online and target networks."""
        self.online = {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}
        self.target = {name: value.detach().clone() for name, value in parameters.items()}
        self.exp_avg = {name: torch.zeros_like(value) for name, value in self.target.items()}
        self.exp_avg_sq = {name: torch.zeros_like(value) for name, value in self.target.items()}
        self._steps = {
            name: torch.zeros((), dtype=torch.float32, device=value.device) for name, value in self.online.items()
        }
        self._optimiser = torch.optim.Adam(list(self.online.values()), lr=learning_rate, fused=True)
        for name, parameter in self.online.items():
            self._optimiser.state[parameter] = self._adam(name)

    def zero_gradients(self) -> None:
        """See TrainState."""
        self._optimiser.zero_grad()

    def squared_norms(self) -> torch.Tensor:
        """See TrainState."""
        one = next(iter(self.online.values()))
        total = torch.zeros(one.shape[0], dtype=torch.float64, device=one.device)
        for parameter in self.online.values():
            if parameter.grad is not None:
                total += torch.linalg.vector_norm(parameter.grad.flatten(1), dim=1).double() ** 2
        return total

    def step(self, scale: float) -> None:
        """See TrainState."""
        for parameter in self.online.values():
            if parameter.grad is not None and scale < 1:
                parameter.grad *= scale
        self._optimiser.step()

    @torch.no_grad()
    def update_target(self, rate: float) -> None:
        """See TrainState."""
        for name, parameter in self.online.items():
            self.target[name].lerp_(parameter, rate)

    def reset_moments(self, names: Collection[str]) -> None:
        """See TrainState."""
        for name in names:
            for value in self._adam(name).values():
                value.zero_()

    def moments(self) -> dict[str, torch.Tensor]:
        """See TrainState."""
        if not torch.stack(list(self._steps.values())).any():
            return {}
        return {f"{quantity}.{name}": value for name in self.online for quantity, value in self._adam(name).items()}

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """See TrainState."""
        if not named:  # a state from before the first step
            self.reset_moments(self.online)
            return
        for name in self.online:
            for quantity, value in self._adam(name).items():
                value.copy_(named[f"{quantity}.{name}"])

    def _adam(self, name: str) -> dict[str, torch.Tensor]:
        """Return the state of a parameter in torch's Adam, under torch's names."""
        return {"step": self._steps[name], "exp_avg": self.exp_avg[name], "exp_avg_sq": self.exp_avg_sq[name]}
