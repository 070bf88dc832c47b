"""The team halves of OW-QMIX and CW-QMIX: a weighted monotone mixer, targets by a central mixer.

    y_t  = lambda-return over F'(s_{t+1}, c'_{t+1}(u^_{t+1}))            one target for both
    (algorithms.q_learning.td_targets)
    L    = mean w_t (Q_total(s_t, q_t(u_t)) - y_t)^2 + mean (F(s_t, c_t(u_t)) - y_t)^2
    OW   w_t = 1 if Q_total < y_t, else alpha
    CW   w_t = 1 if all agents acted greedily or y_t > F'(s_t, c'_t(u^_t)), else alpha

F: the unrestricted central mixer, F': its target. w and y have no gradient. alpha 1: QMIX trained on F's targets.
(Rashid et al. 2020, arXiv 2006.10800, equations 6 to 9; oxwhirl/wqmix.)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import nn

from fedqmix.algorithms.base import TeamHalf
from fedqmix.algorithms.q_learning.mixers.feed_forward import feed_forward
from fedqmix.algorithms.q_learning.mixers.qmix import QmixMixer
from fedqmix.algorithms.q_learning.td_targets import td_targets
from fedqmix.algorithms.q_learning.team import Q_TOTAL, states, td_figures
from fedqmix.algorithms.weighted_qmix.settings import WeightedQmixSettings
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.world import TeamSpec

Tensors = Mapping[str, torch.Tensor]


class CentralMixer(nn.Module):
    """The central mixer F(s, c): three hidden layers over [s, c_1 .. c_N], plus V(s); not monotone in c."""

    def __init__(self, spec: TeamSpec, hidden: int) -> None:
        super().__init__()
        self.joint = feed_forward(spec.state_dim + spec.n_agents, hidden, hidden, hidden, 1)
        self.value = feed_forward(spec.state_dim, hidden, 1)

    def forward(self, central: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """central: [agents, transitions], state: [transitions, state_dim]. Returns [1, transitions]."""
        values: torch.Tensor = self.joint(torch.cat([state, central.t()], dim=1)) + self.value(state)
        return values.t()


class Batch(NamedTuple):
    """The quantities that decide the weights."""

    rows: Tensors
    transitions: TeamTransitions
    states: torch.Tensor  # [transitions, state_dim]
    error: torch.Tensor  # [1, transitions], Q_total - y
    y: torch.Tensor  # [1, transitions]


class WeightedQmixTeam(TeamHalf):
    """The monotone and the central mixer, and their losses. The target's monotone mixer is unused."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "td_error_abs", "central_loss", "weight_mean")

    settings: WeightedQmixSettings

    def __init__(self, spec: TeamSpec, settings: WeightedQmixSettings) -> None:
        super().__init__(spec, settings)
        self.mixer = QmixMixer(spec, settings)
        self.central = CentralMixer(spec, settings.central_hidden)

    def loss(
        self, target: TeamHalf, rows: Tensors, transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See TeamHalf. Figures: the monotone mixer's unweighted TD errors, the central loss and the mean weight."""
        assert isinstance(target, WeightedQmixTeam)
        seen, settings = transitions, self.settings
        now, following = states(seen, seen.rows), states(seen, seen.next_rows)  # [transitions, state_dim]
        with torch.no_grad():
            values = target.central(self.central_next(rows, seen), following)
            y = td_targets(
                seen.rewards, seen.not_terminated, values, seen.timeline, settings.gamma, settings.td_lambda
            )  # [1, transitions]
        error = self.mixer(rows["q_taken"], now) - y
        central_error = self.central(rows["central_taken"], now) - y
        with torch.no_grad():
            counts = self.counts_fully(target, Batch(rows, seen, now, error, y))  # [1, transitions] bool
            weight = torch.where(counts, 1.0, settings.alpha).to(error.dtype)
        central_loss = central_error.square().mean()
        figures = {**td_figures(error), "central_loss": central_loss.detach(), "weight_mean": weight.mean()}
        return (weight * error.square()).mean() + central_loss, figures

    def joint_values(self, rows: Tensors, transitions: TeamTransitions) -> dict[str, torch.Tensor]:
        """See TeamHalf: the monotone mixer's Q_total, and the central mixer's F."""
        now = states(transitions, transitions.rows)
        return {Q_TOTAL: self.mixer(rows["q_taken"], now), "central": self.central(rows["central_taken"], now)}

    @abstractmethod
    def central_next(self, rows: Tensors, transitions: TeamTransitions) -> torch.Tensor:
        """Return c'(u^) of the moments after each transition: [agents, transitions]."""

    @abstractmethod
    def counts_fully(self, target: WeightedQmixTeam, batch: Batch) -> torch.Tensor:
        """Return True for transitions of weight 1: [1, transitions] bool."""


class OwQmixTeam(WeightedQmixTeam):
    """OW-QMIX: transitions with an underestimated value have weight 1."""

    def central_next(self, rows: Tensors, transitions: TeamTransitions) -> torch.Tensor:
        """See WeightedQmixTeam."""
        return rows["central_next"]

    def counts_fully(self, target: WeightedQmixTeam, batch: Batch) -> torch.Tensor:
        """See WeightedQmixTeam."""
        return batch.error < 0


class CwQmixTeam(WeightedQmixTeam):
    """CW-QMIX: greedy joint actions, and those estimated above the greedy one, have weight 1."""

    def central_next(self, rows: Tensors, transitions: TeamTransitions) -> torch.Tensor:
        """See WeightedQmixTeam."""
        return rows["central_greedy"][:, transitions.timeline.batch :]

    def counts_fully(self, target: WeightedQmixTeam, batch: Batch) -> torch.Tensor:
        """See WeightedQmixTeam."""
        at = torch.from_numpy(batch.transitions.timeline.taken).to(batch.y.device)
        best = target.central(batch.rows["central_greedy"].index_select(1, at), batch.states)
        fully: torch.Tensor = batch.rows["acted_greedily"].all(0, keepdim=True) | (batch.y > best)
        return fully
