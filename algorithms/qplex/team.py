"""The team half of QPLEX: the squared TD error of the duplex duelling mixer.

    loss = mean (Q_total(q_taken, q_max, action, s) - G)^2

G: the lambda-return over Q_total'(q_next, q_next_max, greedy_next, s'); see algorithms.q_learning.td_targets.
(Wang et al. 2020, arXiv 2008.01062.)
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fedqmix.algorithms.base import TeamHalf
from fedqmix.algorithms.q_learning.td_targets import td_targets
from fedqmix.algorithms.q_learning.team import Q_TOTAL, states, td_figures
from fedqmix.algorithms.qplex.mixer import QplexMixer
from fedqmix.algorithms.qplex.settings import QplexSettings
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.world import TeamSpec


class QplexTeam(TeamHalf):
    """The mixer and its TD error."""

    settings: QplexSettings

    def __init__(self, spec: TeamSpec, settings: QplexSettings) -> None:
        super().__init__(spec, settings)
        self.mixer = QplexMixer(spec, settings)

    def loss(
        self, target: TeamHalf, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See TeamHalf."""
        assert isinstance(target, QplexTeam)
        seen, settings = transitions, self.settings
        with torch.no_grad():
            after = rows["q_next"], rows["q_next_max"], rows["greedy_next"]
            values = target.mixer(*after, states(seen, seen.next_rows))
            returns = td_targets(
                seen.rewards, seen.not_terminated, values, seen.timeline, settings.gamma, settings.td_lambda
            )  # [1, transitions]
        error = self.q_total(rows, seen) - returns
        return error.square().mean(), td_figures(error)

    def joint_values(self, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions) -> dict[str, torch.Tensor]:
        """See TeamHalf: the mixer's Q_total."""
        return {Q_TOTAL: self.q_total(rows, transitions)}

    def q_total(self, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions) -> torch.Tensor:
        """Return Q_total of the actions taken: [1, transitions]."""
        now = states(transitions, transitions.rows)
        total: torch.Tensor = self.mixer(rows["q_taken"], rows["q_max"], rows["action"], now)
        return total
