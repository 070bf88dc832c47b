"""The training step of QMIX by kernels."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from fedqmix.algorithms.base import Learned
from fedqmix.algorithms.q_learning.kernels.hypernetwork import Hypernetwork
from fedqmix.algorithms.q_learning.kernels.learn import Mixing, Transitions, learn, next_values
from fedqmix.algorithms.q_learning.kernels.targets import td_targets
from fedqmix.algorithms.q_learning.team import QmixTeam, td_figures
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.kernels.compile import Numbers
from fedqmix.runtime.kernels.optimiser import Adam, Packing, move_towards, squared_norms
from fedqmix.runtime.kernels.thread_pool import ThreadPool

PARTS = 8  # of a batch's transitions; a fixed number, so that results do not depend on the number of threads


class CompiledQmix:
    """An algorithms.training.TeamTraining of QMIX on a CPU, by the threads of a thread pool.

    One array holds all parameters, with weights in the kernels' layout [inputs, outputs]. The mixer's own parameters
    become views of this array, and their gradients views of another one.
    """

    def __init__(self, half: QmixTeam, target_half: QmixTeam, learning_rate: float) -> None:
        self._halves, self._rate = (half, target_half), learning_rate
        mixer, target = half.mixer, target_half.mixer
        self._thread_pool = ThreadPool()
        shapes = {name: tuple(reversed(parameter.shape)) for name, parameter in mixer.named_parameters()}
        self._packing = Packing(shapes, networks=1)
        dtype = next(mixer.parameters()).dtype
        self._online, self._target, self._gradient = (torch.zeros(self._packing.size, dtype=dtype) for _ in range(3))
        for network, packed in ((mixer, self._online), (target, self._target)):
            for name, view in self._turned(packed).items():
                view.copy_(network.get_parameter(name).data)
                network.get_parameter(name).data = view
        for name, view in self._turned(self._gradient).items():
            mixer.get_parameter(name).grad = view
        self._adam = Adam(self._packing, self._gradient.numpy().dtype, learning_rate)
        self._mixings = self._mixing(self._online.numpy()), self._mixing(self._target.numpy())
        self._gradient_shares = np.zeros((PARTS, self._packing.size), self._gradient.numpy().dtype)
        self._shares = [self._mixing(row) for row in self._gradient_shares]

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledQmix:
        """Return the training of copies of both networks; a plain deep copy would not share their memory."""
        half, target = self._halves
        other = CompiledQmix(copy.deepcopy(half, memo), copy.deepcopy(target, memo), self._rate)
        other._gradient.copy_(self._gradient)
        other.load_moments(self.moments())
        return other

    def learn(self, transitions: TeamTransitions, rows: Mapping[str, torch.Tensor]) -> Learned:
        """See TeamTraining."""
        q_taken, q_next = rows["q_taken"], rows["q_next"]
        settings = self._halves[0].settings
        gradient, errors = torch.empty_like(q_taken), q_taken.new_empty(1, q_taken.shape[1])
        columns = Transitions(transitions.states.numpy(), transitions.rows, transitions.next_rows)
        taken, following = q_taken.contiguous().numpy(), q_next.contiguous().numpy()
        (online, target), targets = self._mixings, np.empty(taken.shape[1], taken.dtype)
        bounds = [taken.shape[1] * end // PARTS for end in range(PARTS + 1)]
        self._gradient_shares[:] = 0

        def value(part: int) -> None:
            next_values(target, columns, bounds[part], bounds[part + 1], following, targets)

        def task(part: int) -> None:
            learned = gradient.numpy(), errors[0].numpy(), self._shares[part]
            learn(online, columns, bounds[part], bounds[part + 1], targets, taken, *learned)

        self._thread_pool.each(value, PARTS)
        rewards, not_terminated = transitions.rewards.numpy(), transitions.not_terminated.numpy()
        td_targets(rewards, not_terminated, transitions.timeline.begins, settings.gamma, settings.td_lambda, targets)
        self._thread_pool.each(task, PARTS)
        np.add.reduce(self._gradient_shares, axis=0, out=self._gradient.numpy())
        return {"q_taken": gradient}, td_figures(errors)

    def squared_norm(self) -> torch.Tensor:
        """See TeamTraining."""
        return torch.from_numpy(squared_norms(self._packing, self._gradient.numpy(), self._thread_pool))[0]

    def step(self, scale: float) -> None:
        """See TeamTraining."""
        self._adam.step(self._online.numpy(), self._gradient.numpy(), scale, self._thread_pool)

    def update_target(self, rate: float) -> None:
        """See TeamTraining."""
        move_towards(self._target.numpy(), self._online.numpy(), rate)

    def moments(self) -> dict[str, torch.Tensor]:
        """See TeamTraining."""
        return {name: _parameter(value) for name, value in self._adam.state().items()}

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """See TeamTraining."""
        self._adam.load_state({name: value.numpy().T for name, value in named.items()})

    def _turned(self, packed: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return views of a packed tensor in the shapes of the mixer's own parameters."""
        return {name: view[0].t() for name, view in self._packing.named(packed).items()}

    def _mixing(self, packed: Numbers) -> Mixing:
        """Return views of a packed array in the kernels' layout."""
        layers: dict[str, list[Numbers]] = {name: [] for name in Mixing._fields}
        for name, view in self._packing.named(packed).items():
            layers[name.partition(".")[0]].append(view[0])
        return Mixing(**{name: Hypernetwork(*_two_layers(own)) for name, own in layers.items()})


def _two_layers(layers: list[Numbers]) -> list[Numbers]:
    dtype = layers[0].dtype
    return layers if len(layers) == 4 else [*layers, np.empty((0, 0), dtype), np.empty(0, dtype)]


def _parameter(value: Any) -> torch.Tensor:
    """Return a moment [1, inputs, outputs] in its parameter's shape; a step count unchanged."""
    return torch.from_numpy(value if value.ndim == 0 else np.ascontiguousarray(value[0].T))
