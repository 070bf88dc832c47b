"""The team halves of TransfQMix and of its variant over the state alone.

    loss = mean (Q_total(q_taken, s, h) - G)^2

G: the lambda-return over the target mixer's Q_total'(q_next, s', h'), algorithms.q_learning.td_targets. Both mixers run
over all moments of every episode, as they are recurrent. The published loss is half of this one. (Gallici et al. 2023,
arXiv 2301.05334, section 5; mttga/pymarl_transformers.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from fedqmix.algorithms.base import TeamHalf
from fedqmix.algorithms.q_learning.td_targets import td_targets
from fedqmix.algorithms.q_learning.team import states, td_figures
from fedqmix.algorithms.refil.mixer import existing
from fedqmix.algorithms.transf_qmix.mixer import Mixing, TransformerMixer
from fedqmix.algorithms.transf_qmix.settings import TransfQmixSettings
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.world import TeamSpec

Tensors = Mapping[str, torch.Tensor]


class TransfStateTeam(TeamHalf):
    """The transformer mixer over the state alone, and its squared TD error."""

    settings: TransfQmixSettings
    reads_entities: ClassVar[bool] = True

    def __init__(self, spec: TeamSpec, settings: TransfQmixSettings) -> None:
        super().__init__(spec, settings)
        self.mixer = TransformerMixer(spec, settings)

    def loss(
        self, target: TeamHalf, rows: Tensors, transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See TeamHalf."""
        assert isinstance(target, TransfStateTeam)
        seen, settings, order = transitions, self.settings, transitions.timeline
        now = torch.from_numpy(order.taken).to(rows["q_taken"].device)
        after = torch.arange(order.batch, order.moments, device=now.device)
        with torch.no_grad():
            following = target.mixing(rows.get("embedding_target"), seen).at(after)
            y = td_targets(
                seen.rewards,
                seen.not_terminated,
                following.total(existing(rows["q_next"], seen.exists)),
                order,
                settings.gamma,
                settings.td_lambda,
            )
        mixing = self.mixing(rows.get("embedding"), seen).at(now)
        error = mixing.total(existing(rows["q_taken"], seen.exists)) - y  # [1, transitions]
        return error.square().mean(), td_figures(error)

    def mixing(self, embeddings: torch.Tensor | None, transitions: TeamTransitions) -> Mixing:
        """Return the mixing network of every moment. embeddings: [agents, moments, token_width], or None."""
        seen, order = transitions, transitions.timeline
        # A moment is an episode's first, or it follows a transition, in the same order.
        rows = np.concatenate([seen.rows[: order.batch], seen.next_rows])
        exists = seen.exists
        if exists is not None:
            exists = torch.cat([exists[:, : order.batch], exists], dim=1)
        found: Mixing = self.mixer(states(seen, rows), order, embeddings, exists)
        return found


class TransfQmixTeam(TransfStateTeam):
    """TransfQMix: the agents' features are tokens of the mixer."""
