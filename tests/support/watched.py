"""A Mixer that writes down everything that passes between agents and mixer in one training step."""

from __future__ import annotations

import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.server.team_learner import TeamLearner


class WatchedMixer:
    """The local mixer; remembers the last step, gradients as they were before clipping."""

    def __init__(self, learner: TeamLearner, agents: AgentStack) -> None:
        self.learner, self.agents = learner, agents

    def gradient(self, q_taken: torch.Tensor, q_next: torch.Tensor) -> torch.Tensor:
        self.slots = self.learner.slots
        self.q_taken, self.q_next = q_taken.clone(), q_next.clone()
        answer = self.learner.gradient(q_taken, q_next)
        self.value_gradients = answer.clone()
        return answer

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        return self.learner.pool(gradients)

    def clip(self, squared_norms: torch.Tensor) -> float:
        self.squared_norms = squared_norms.clone()
        self.gradients = {name: p.grad.clone() for name, p in self.agents.online.items() if p.grad is not None}
        self.mixer_gradients = {name: p.grad.clone() for name, p in self.learner.mixer.named_parameters()}
        self.scale = self.learner.clip(squared_norms)
        return self.scale
