"""IQL (Tampuu et al. 2017, arXiv 1511.08779): no mixing; every agent learns the team reward by itself.

values[i] = Q_i
"""

from __future__ import annotations

import torch
from torch import nn


class IqlMixer(nn.Module):
    """The identity: the agents' Q-values without mixing."""

    def forward(self, q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """q: [agents, transitions], state: [transitions, state_dim] (not used). Returns [agents, transitions]."""
        return q
