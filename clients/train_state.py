"""What a training step changes: online and target networks, their gradients, Adam's moments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch

from clients.network import Parameters


class TrainState(Protocol):
    """The networks of a stack of agents and their optimiser; all tensors carry the stack's axis in front."""

    online: Parameters
    """Leaves of autograd; a backward pass adds to their `grad`."""
    target: Parameters

    def zero_gradients(self) -> None:
        """Set all gradients to zero, or to None."""

    def squared_norms(self) -> torch.Tensor:
        """Return the squared 2-norm of each agent's gradient: [agents] float64."""

    def step(self, scale: float) -> None:
        """Take Adam's step with the gradients times `scale`."""

    def update_target(self, rate: float) -> None:
        """Move the target networks towards the online networks by a share of the distance; 1: copy."""

    def moments(self) -> dict[str, torch.Tensor]:
        """Return Adam's state by "QUANTITY.PARAMETER" (step, exp_avg, exp_avg_sq); empty before the first step."""

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """Replace Adam's state by what `moments` returned."""


class TorchTrainState:
    """A TrainState of torch's own operations, for devices that have no kernels of ours."""

    def __init__(self, parameters: Parameters, learning_rate: float) -> None:
        """parameters: what online and target networks begin with."""
        self.online = {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}
        self.target = {name: value.detach().clone() for name, value in parameters.items()}
        self._optimiser = torch.optim.Adam(list(self.online.values()), lr=learning_rate, fused=True)

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

    def moments(self) -> dict[str, torch.Tensor]:
        """See TrainState."""
        return {
            f"{quantity}.{name}": value
            for name, parameter in self.online.items()
            for quantity, value in self._optimiser.state.get(parameter, {}).items()
        }

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """See TrainState."""
        for name, parameter in self.online.items():
            own = {key.partition(".")[0]: value for key, value in named.items() if key.partition(".")[2] == name}
            self._optimiser.state.pop(parameter, None)  # a state from before the first step holds none
            if own:
                self._optimiser.state[parameter] = {
                    quantity: value.to(parameter.device, copy=True) for quantity, value in own.items()
                }
