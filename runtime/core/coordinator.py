"""The Coordinator: the agents' interface to the team's side of a training step.

Agents never receive the state or the team reward. The team's side receives the rows that the algorithm declares
(`runtime.core.rows`), and no observation. With env.state_last_action=true, the state itself holds the agents' actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch


class Coordinator(Protocol):
    """The team's side of a training step. Agents call each method at most once per training step, in this order.

    Agents that learn from individual rewards send no rows and do not call `exchange`.
    """

    def exchange(self, rows: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return the gradients of the team's loss with respect to the differentiable rows.

        rows: the algorithm's declared rows by name, [agents, count, *shape] each, in the order of
        `runtime.core.timeline` for this training step's episodes. Both sides draw the same episodes
        (runtime.storage.draw).
        Returns tensors of the same shapes by the differentiable rows' names.
        """

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        """Sum parameter gradients over all agents (strategy full_sharing).

        gradients: [agents, parameters]; returns the sum over the whole team in every row.
        """

    def clip(self, squared_norms: torch.Tensor) -> float:
        """Update the team's own networks and return the clipping scale of the agents' gradients.

        squared_norms: [agents] float64, the squared 2-norm of each agent's gradient.
        Returns min(1, grad_norm_clip / (norm + 1e-6)), as in PyTorch's clip_grad_norm_; the norm is over all agents'
        and the team's networks together.
        """
