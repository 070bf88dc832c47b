"""QMIX (Rashid et al. 2018, arXiv 1803.11485): a mixing network whose weights come from the state and are >= 0.

    Q_total = |w2(s)|^T elu(|W1(s)| q + b1(s)) + v(s)

|.| makes Q_total monotone in every agent's Q, so each agent's greedy action is part of the team's greedy action.
"""

from __future__ import annotations

import torch
from torch import nn

from fedqmix.algorithms.q_learning.mixers.feed_forward import feed_forward, hidden_layers
from fedqmix.algorithms.q_learning.settings import MixingSettings
from fedqmix.runtime.core.world import TeamSpec


class QmixMixer(nn.Module):
    """The mixing network and its hypernetworks.

    mixing_embed: width of the mixing network. hypernetwork_layers: 1 (linear, the paper's section 4.1) or 2 (one hidden
    layer of hypernetwork_hidden units, as PyMARL's later configuration).
    """

    def __init__(self, spec: TeamSpec, settings: MixingSettings) -> None:
        super().__init__()
        self.agents, self.embed = spec.n_agents, settings.mixing_embed
        embed, inner = self.embed, hidden_layers(settings.hypernetwork_layers, settings.hypernetwork_hidden)
        self.weight_1 = feed_forward(spec.state_dim, *inner, spec.n_agents * embed)
        self.bias_1 = nn.Linear(spec.state_dim, embed)
        self.weight_2 = feed_forward(spec.state_dim, *inner, embed)
        self.value = feed_forward(spec.state_dim, embed, 1)

    def forward(self, q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """q: [agents, transitions], state: [transitions, state_dim]. Returns [1, transitions]."""
        weight_1 = self.weight_1(state).abs().view(-1, self.agents, self.embed)
        # A product and a sum replace one small matrix product per transition.
        hidden = (q.t().unsqueeze(2) * weight_1).sum(1) + self.bias_1(state)  # [transitions, embed]
        weight_2 = self.weight_2(state).abs()
        total: torch.Tensor = (nn.functional.elu(hidden) * weight_2).sum(1) + self.value(state).squeeze(1)
        return total.unsqueeze(0)
