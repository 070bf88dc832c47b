"""VDN (Sunehag et al. 2018, arXiv 1706.05296): the team value is the sum of the agents' values.

Q_total = sum_i Q_i
"""

from __future__ import annotations

import torch
from torch import nn


class VdnMixer(nn.Module):
    """The sum of the agents' Q-values."""

    def forward(self, q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """q: [agents, transitions], state: [transitions, state_dim] (not used). Returns [1, transitions]."""
        return q.sum(0, keepdim=True)
