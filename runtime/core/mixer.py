"""The Mixer: split learning between agents and the mixer's side.

Agents never see the state or the team reward; the mixer never sees an observation or an action. What crosses is one
Q-value per transition and agent, and one gradient back.
"""

from __future__ import annotations

from typing import Protocol

import torch


class Mixer(Protocol):
    """The mixer's side of a training step, called once per step in the order of the methods below."""

    def gradient(self, q_taken: torch.Tensor, q_next: torch.Tensor) -> torch.Tensor:
        """Return the gradient of the TD loss with respect to q_taken.

        q_taken: [agents, transitions], each agent's Q-value of the action it took.
        q_next: [agents, transitions], each agent's target Q-value at the next moment.
        Both in the order of `runtime.core.timeline` for the episodes of this step, which each side draws for itself
        (runtime.storage.draw). Returns [agents, transitions].
        """

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        """Sum parameter gradients over all agents (strategy full_sharing).

        gradients: [agents, parameters]; returns the sum over the whole team in every row.
        """

    def clip(self, squared_norms: torch.Tensor) -> float:
        """Finish the step: the mixer updates itself and tells the agents how much to shrink their gradients.

        squared_norms: [agents] float64, the squared 2-norm of each agent's gradient.
        Returns min(1, grad_norm_clip / (norm + 1e-6)) as PyTorch's clip_grad_norm_ has it, norm over all agents and the
        mixer together.
        """
