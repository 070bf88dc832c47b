"""The training step of a team half: gradients of a batch, their norm, an Adam step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch

from fedqmix.algorithms.base import Learned, TeamHalf, TeamInputs
from fedqmix.algorithms.q_learning.kernels.learning import CompiledQmix
from fedqmix.algorithms.q_learning.team import QmixTeam
from fedqmix.runtime.core.batched_runs import BatchedRuns, Work
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.rows import Row
from fedqmix.runtime.core.torch_products import adopt_thread_limit


class TeamTraining(Protocol):
    """A team half, its target and its optimiser."""

    def learn(self, transitions: TeamTransitions, rows: Mapping[str, torch.Tensor]) -> Learned:
        """Return the gradients of the differentiable rows, and the half's figures (algorithms.base.learn).

        rows: [agents, count, *shape] by name. Fills the gradients of the half's parameters.
        """

    def squared_norm(self) -> torch.Tensor:
        """Return the squared 2-norm of the half's gradients, a float64 on its device; 0 without parameters."""

    def step(self, scale: float) -> None:
        """Take an Adam step with the gradients times `scale`."""

    def update_target(self, rate: float) -> None:
        """Move the target towards the half. rate: the share of the distance; 1 copies."""

    def moments(self) -> dict[str, torch.Tensor]:
        """Return Adam's state by "QUANTITY.PARAMETER" (step, exp_avg, exp_avg_sq); empty before the first step."""

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """Replace Adam's state by an output of `moments`."""


def make_training(
    half: TeamHalf,
    target: TeamHalf,
    rows: Sequence[Row],
    learning_rate: float,
    backend: str,
    batched_runs: BatchedRuns,
) -> TeamTraining:
    """Return the training of a half: QMIX on a CPU by kernels, all else by torch.

    backend: runtime.backend; "torch" excludes kernels.
    """
    devices = {value.device.type for value in half.parameters()}
    if type(half) is QmixTeam and type(target) is QmixTeam and devices == {"cpu"} and backend != "torch":
        return CompiledQmix(half, target, learning_rate)
    return TorchTeamTraining(half, target, rows, learning_rate, batched_runs)


def stored_name(name: str) -> str:
    """Return the name under which checkpoints store a parameter of a half: without its first "mixer."."""
    return name.removeprefix("mixer.")


class TorchTeamTraining:
    """A TeamTraining by torch's operations, for any half on any device."""

    def __init__(
        self,
        half: TeamHalf,
        target: TeamHalf,
        rows: Sequence[Row],
        learning_rate: float,
        batched_runs: BatchedRuns,
    ) -> None:
        """rows: the algorithm's declaration."""
        self._half, self._target, self._rows, self._batched_runs = half, target, rows, batched_runs
        parameters = list(half.parameters())
        self._optimiser = torch.optim.Adam(parameters, lr=learning_rate, fused=True) if parameters else None

    def learn(self, transitions: TeamTransitions, rows: Mapping[str, torch.Tensor]) -> Learned:
        """See TeamTraining."""
        adopt_thread_limit()
        inputs = TeamInputs(self._half, self._target, rows, transitions)
        return self._batched_runs.compute(Work.GRADIENT, inputs, self._learn_batched)

    def _learn_batched(self, inputs: Sequence[TeamInputs]) -> list[Learned]:
        return type(self._half).learn_batched(inputs, self._rows)

    def squared_norm(self) -> torch.Tensor:
        """See TeamTraining."""
        return torch.nn.utils.get_total_norm(self._gradients()).double() ** 2

    def step(self, scale: float) -> None:
        """See TeamTraining."""
        if self._optimiser is not None:
            for gradient in self._gradients():
                gradient.mul_(scale)
            self._optimiser.step()

    @torch.no_grad()
    def update_target(self, rate: float) -> None:
        """See TeamTraining."""
        for old, new in zip(self._target.parameters(), self._half.parameters(), strict=True):
            old.lerp_(new, rate)

    def moments(self) -> dict[str, torch.Tensor]:
        """See TeamTraining."""
        if self._optimiser is None:
            return {}
        return {
            f"{quantity}.{stored_name(name)}": value
            for name, parameter in self._half.named_parameters()
            for quantity, value in self._optimiser.state.get(parameter, {}).items()
        }

    def load_moments(self, named: Mapping[str, torch.Tensor]) -> None:
        """See TeamTraining."""
        if self._optimiser is None:
            return
        for name, parameter in self._half.named_parameters():
            own = {
                key.partition(".")[0]: value
                for key, value in named.items()
                if key.partition(".")[2] == stored_name(name)
            }
            self._optimiser.state.pop(parameter, None)  # a state from before the first training step is empty
            if own:
                self._optimiser.state[parameter] = {
                    quantity: value.to(parameter.device, copy=True) for quantity, value in own.items()
                }

    def _gradients(self) -> list[torch.Tensor]:
        return [parameter.grad for parameter in self._half.parameters() if parameter.grad is not None]
