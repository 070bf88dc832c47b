"""The state that a training step changes, on a CPU, equal for an agent in any stack."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch

from fedqmix.networks.base import Parameters
from fedqmix.runtime.kernels.optimiser import Adam, Packing, move_towards, squared_norms
from fedqmix.runtime.kernels.thread_pool import ThreadPool


class CompiledTrainState:
    """A TrainState (clients.train_state) by runtime.kernels.optimiser.

    Every gradient tensor exists from the start.
    """

    def __init__(self, parameters: Parameters, learning_rate: float, thread_pool: ThreadPool) -> None:
        """parameters: the initial values of the online and target networks, all of one type."""
        first = next(iter(parameters.values()))
        self._packing = Packing(
            {name: tuple(value.shape[1:]) for name, value in parameters.items()}, networks=first.shape[0]
        )
        self._online, self._target, self._gradient = (
            torch.zeros(first.shape[0] * self._packing.size, dtype=first.dtype) for _ in range(3)
        )
        self._thread_pool = thread_pool
        self._adam = Adam(self._packing, self._online.numpy().dtype, learning_rate)
        self.online: Parameters = self._packing.named(self._online)
        self.target: Parameters = self._packing.named(self._target)
        gradients = self._packing.named(self._gradient)
        for name, value in parameters.items():
            self.online[name].copy_(value.detach())
            self.target[name].copy_(value.detach())
            self.online[name].requires_grad_().grad = gradients[name]

    @property
    def exp_avg(self) -> Parameters:
        """See TrainState."""
        return self._packing.named(torch.from_numpy(self._adam.mean))

    @property
    def exp_avg_sq(self) -> Parameters:
        """See TrainState."""
        return self._packing.named(torch.from_numpy(self._adam.square))

    def zero_gradients(self) -> None:
        """See TrainState."""
        self._gradient.zero_()

    def squared_norms(self) -> torch.Tensor:
        """See TrainState."""
        return torch.from_numpy(squared_norms(self._packing, self._gradient.numpy(), self._thread_pool))

    def step(self, scale: float) -> None:
        """See TrainState."""
        self._adam.step(self._online.numpy(), self._gradient.numpy(), scale, self._thread_pool)

    def update_target(self, rate: float) -> None:
        """See TrainState."""
        move_towards(self._target.numpy(), self._online.numpy(), rate)

    def reset_moments(self, names: Collection[str]) -> None:
        """See TrainState."""
        self._adam.reset(names)

    def moments(self) -> dict[str, torch.Tensor]:
        """See TrainState."""
        return {name: torch.from_numpy(value) for name, value in self._adam.state().items()}

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """See TrainState."""
        self._adam.load_state({name: value.numpy() for name, value in named.items()})
