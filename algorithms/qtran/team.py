"""The team half of QTRAN-base: a joint value over the sum of encodings, and the transformation to the sum of values.

    L_td    = mean (Q(s, sum_i e_i(u)) - G)^2                  G: lambda-return over Q'(s', sum_i e_i'(u^'))
    L_opt   = mean (sum_i q_i(u^) - Q(s, sum_i e_i(u^)) + V(s))^2
    L_nopt  = mean min(sum_i q_i(u) - Q(s, sum_i e_i(u)) + V(s), 0)^2
    loss    = L_td + lambda_opt L_opt + lambda_nopt L_nopt

u^: each agent's best available action. Q has a gradient from L_td alone. Only sums over agents are used, so the team's
side learns the same from a secure sum of the rows. (Son et al. 2019, arXiv 1905.05408; oxwhirl/pymarl,
qtran_base.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import nn

from fedqmix.algorithms.base import TeamHalf
from fedqmix.algorithms.q_learning.mixers.feed_forward import feed_forward
from fedqmix.algorithms.q_learning.td_targets import td_targets
from fedqmix.algorithms.q_learning.team import states, td_figures
from fedqmix.algorithms.qtran.agent import ENCODER, QtranAgent
from fedqmix.algorithms.qtran.settings import QtranSettings
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.world import TeamSpec


class JointValue(nn.Module):
    """The joint value Q(s, e) and the state value V(s), each with two hidden layers."""

    def __init__(self, spec: TeamSpec, encoding: int, hidden: int) -> None:
        """encoding: width of the agents' encodings."""
        super().__init__()
        self.joint = feed_forward(spec.state_dim + encoding, hidden, hidden, 1)
        self.value = feed_forward(spec.state_dim, hidden, hidden, 1)

    def forward(self, encodings: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Return Q: [1, transitions].

        encodings: the agents' sum [transitions, width]. state: [transitions, state_dim].
        """
        values: torch.Tensor = self.joint(torch.cat([state, encodings], dim=1))
        return values.t()


class QtranTeam(TeamHalf):
    """The joint value, V, and the three losses. The target's V is unused."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "td_error_abs", "td_loss", "opt_loss", "nopt_loss")

    settings: QtranSettings

    def __init__(self, spec: TeamSpec, settings: QtranSettings) -> None:
        super().__init__(spec, settings)
        self.mixer = JointValue(spec, QtranAgent.sizes(spec, settings)[ENCODER], settings.joint_hidden)

    def loss(
        self, target: TeamHalf, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See TeamHalf. Figures: the whole loss, and its three parts without their weights."""
        assert isinstance(target, QtranTeam)
        seen, settings = transitions, self.settings
        sums = {name: row.sum(0) for name, row in rows.items()}  # [transitions, ...]: the only use of the rows
        now = states(seen, seen.rows)  # [transitions, state_dim]
        with torch.no_grad():
            following = target.mixer(sums["encoding_next"], states(seen, seen.next_rows))
            returns = td_targets(
                seen.rewards, seen.not_terminated, following, seen.timeline, settings.gamma, settings.td_lambda
            )  # [1, transitions]
            best = self.mixer(sums["encoding_greedy"], now)
        joint = self.mixer(sums["encoding_taken"], now)
        value = self.mixer.value(now).t()
        error = joint - returns
        opt_loss = (sums["q_max"] - best + value).square().mean()
        nopt_loss = (sums["q_taken"] - joint.detach() + value).clamp(max=0).square().mean()
        td = td_figures(error)
        loss = error.square().mean() + settings.lambda_opt * opt_loss + settings.lambda_nopt * nopt_loss
        parts = {"td_loss": td["loss"], "opt_loss": opt_loss.detach(), "nopt_loss": nopt_loss.detach()}
        return loss, {"loss": loss.detach(), "td_error_abs": td["td_error_abs"], **parts}

    def joint_values(self, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions) -> dict[str, torch.Tensor]:
        """See TeamHalf: the agents' sum with V, which equals Q at their greedy actions, and Q itself."""
        sums = {name: row.sum(0) for name, row in rows.items()}
        now = states(transitions, transitions.rows)
        transformed = sums["q_taken"] + self.mixer.value(now).t()
        return {"transformed": transformed, "joint": self.mixer(sums["encoding_taken"], now)}
