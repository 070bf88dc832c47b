"""A network whose parameters do not depend on the sizes of a team, for tests of networks that change teams."""

from __future__ import annotations

import torch
from torch import nn

from fedqmix.networks import ModuleNetwork


class Layers(nn.Module):
    """A value for each action from the mean and the largest of the inputs, and from the action's place."""

    def __init__(self, n_actions: int) -> None:
        super().__init__()
        self.actions = n_actions
        self.head = nn.Linear(3, 1)

    def forward(self, inputs, memory):
        """inputs: [rows, inputs], memory: [rows, 0]. Returns [rows, n_actions] and the memory."""
        seen = torch.stack([inputs.mean(-1), inputs.amax(-1)], -1)  # [rows, 2]
        place = torch.linspace(-1, 1, self.actions).unsqueeze(-1)  # [n_actions, 1]
        seen = seen.unsqueeze(1).expand(-1, self.actions, -1)
        found = torch.cat([seen, place.expand(len(inputs), -1, -1)], -1)
        return self.head(found).squeeze(-1), memory


class SizeFree(ModuleNetwork):
    """The same parameters for teams of any size."""

    memory_width = 0

    def module(self, inputs, n_actions):
        """See ModuleNetwork."""
        return Layers(n_actions)
