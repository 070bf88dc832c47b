"""The team half of Q-learning with a mixer: the squared TD error of the mixed values.

    loss = mean (Q_total(q_taken, s) - G)^2

G: the lambda-return over the target mixer's Q_total'(q_next, s'); see algorithms.q_learning.td_targets. An episode
truncated by its limit is not terminated: its last value is bootstrapped.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import nn

from fedqmix.algorithms.base import AlgorithmSettings, Learned, TeamHalf, TeamInputs
from fedqmix.algorithms.q_learning.mixers.iql import IqlMixer
from fedqmix.algorithms.q_learning.mixers.qmix import QmixMixer
from fedqmix.algorithms.q_learning.mixers.vdn import VdnMixer
from fedqmix.algorithms.q_learning.settings import QmixSettings
from fedqmix.algorithms.q_learning.td_targets import td_targets
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.rows import Row
from fedqmix.runtime.core.world import Integers, TeamSpec

Q_TOTAL = "q_total"
"""The name of a mixer's values in `TeamHalf.joint_values`."""


class QLearningTeam(TeamHalf):
    """A mixer and its squared TD error. A subclass builds the mixer."""

    def __init__(self, spec: TeamSpec, settings: AlgorithmSettings) -> None:
        super().__init__(spec, settings)
        self.mixer = self.make_mixer()

    @abstractmethod
    def make_mixer(self) -> nn.Module:
        """Return the mixer, built from self.spec and self.settings.

        It maps (q [agents, transitions], state [transitions, state_dim]) to values [outputs, transitions].
        """

    def loss(
        self, target: TeamHalf, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See TeamHalf."""
        assert isinstance(target, QLearningTeam)
        with torch.no_grad():
            following = target.mixer(rows["q_next"], states(transitions, transitions.next_rows))
        values = self.mixer(rows["q_taken"], states(transitions, transitions.rows))
        error = values - self.returns(following, transitions)  # [outputs, transitions]
        loss = error.square().mean()
        return loss, td_figures(error)

    def joint_values(self, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions) -> dict[str, torch.Tensor]:
        """See TeamHalf: the mixer's Q_total."""
        return {Q_TOTAL: self.mixer(rows["q_taken"], states(transitions, transitions.rows))}

    def returns(self, following: torch.Tensor, transitions: TeamTransitions) -> torch.Tensor:
        """Return the TD targets G: [outputs, transitions]. following: Y of the next moments, in the same shape."""
        seen, settings = transitions, self.settings
        return td_targets(
            seen.rewards, seen.not_terminated, following, seen.timeline, settings.gamma, settings.td_lambda
        )

    @classmethod
    def learn_batched(cls, inputs: Sequence[TeamInputs], declared: Sequence[Row]) -> list[Learned]:
        """See TeamHalf; equal mixers are one program (torch.vmap)."""
        from fedqmix.algorithms.q_learning.batched import learn_batched

        return super().learn_batched(inputs, declared) if len(inputs) == 1 else learn_batched(inputs)


class IqlTeam(QLearningTeam):
    """IQL: no mixing."""

    independent: ClassVar[bool] = True

    def make_mixer(self) -> nn.Module:
        """See QLearningTeam."""
        return IqlMixer()

    def joint_values(self, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions) -> dict[str, torch.Tensor]:
        """See TeamHalf: the agents' own values, which nothing mixes."""
        return {"sum": rows["q_taken"]}


class VdnTeam(QLearningTeam):
    """VDN: the sum of the agents' values."""

    def make_mixer(self) -> nn.Module:
        """See QLearningTeam."""
        return VdnMixer()


class QmixTeam(QLearningTeam):
    """QMIX: monotone mixing, conditioned on the state."""

    settings: QmixSettings

    def make_mixer(self) -> nn.Module:
        """See QLearningTeam."""
        return QmixMixer(self.spec, self.settings)


def states(transitions: TeamTransitions, rows: Integers) -> torch.Tensor:
    """Return the states at some rows of the buffer: [transitions, state_dim]."""
    table = transitions.states
    return table[torch.from_numpy(rows).to(table.device)]


def td_figures(error: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the figures of a batch's TD errors: the means of their squares and of their absolute values."""
    error = error.detach()
    return {"loss": error.square().mean(), "td_error_abs": error.abs().mean()}
