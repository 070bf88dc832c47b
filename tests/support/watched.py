"""A Coordinator that records everything that passes between the two sides in one training step."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.server.team_learner import TeamLearner


class WatchedMixer:
    """The local mixer; remembers the last step, gradients as they were before clipping."""

    def __init__(self, learner: TeamLearner, agents: AgentStack) -> None:
        self.learner, self.agents = learner, agents

    def exchange(self, rows: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        self.slots = self.learner.slots
        self.rows = {name: row.clone() for name, row in rows.items()}
        answer = self.learner.exchange(rows)
        self.row_gradients = {name: gradient.clone() for name, gradient in answer.items()}
        return answer

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        return self.learner.pool(gradients)

    def clip(self, squared_norms: torch.Tensor) -> float:
        self.squared_norms = squared_norms.clone()
        self.gradients = {name: p.grad.clone() for name, p in self.agents.online.items() if p.grad is not None}
        self.mixer_gradients = {
            name.removeprefix("mixer."): p.grad.clone() for name, p in self.learner.half.named_parameters()
        }
        self.scale = self.learner.clip(squared_norms)
        return self.scale
