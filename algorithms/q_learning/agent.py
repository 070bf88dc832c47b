"""The agent half of Q-learning with a mixer: IQL, VDN, QMIX.

    q_taken   Q_i of the action that the agent took
    q_next    Q_i' of the best available action at the next moment       (target network)

With algorithm.double_q, the online network selects the best action (van Hasselt et al. 2016, arXiv 1509.06461), else
the target network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from fedqmix.algorithms.base import AgentHalf, AgentNetworks
from fedqmix.algorithms.q_learning.settings import QLearningSettings
from fedqmix.runtime.core.episodes import PackedEpisodes
from fedqmix.runtime.core.rows import Row
from fedqmix.runtime.core.timeline import Timeline

Q_TAKEN = Row("q_taken", "how much the agent values the action it took", differentiable=True, q_value=True)
Q_NEXT = Row("q_next", "how much its target network values the best action at the next moment", q_value=True)


class QLearningAgent(AgentHalf):
    """The agent half that sends two values per transition: of the action taken, and of the next moment."""

    settings: QLearningSettings
    rows: ClassVar[tuple[Row, ...]] = (Q_TAKEN, Q_NEXT)

    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """See AgentHalf."""
        q = networks.online()  # [agents, moments, n_actions]
        with torch.no_grad():
            target = networks.target()[:, order.batch :]
            selector = q.detach()[:, order.batch :] if self.settings.double_q else target
            best = greedy(selector, episodes.available_actions[:, order.batch :])
            q_next = target.gather(-1, best.unsqueeze(-1)).squeeze(-1)
        return {"q_taken": taken(q, episodes.actions, order), "q_next": q_next}


def taken(values: torch.Tensor, actions: torch.Tensor, order: Timeline) -> torch.Tensor:
    """Return the values of the actions taken: [agents, transitions].

    values: [agents, moments, n_actions]. actions: [agents, transitions] int64.
    """
    moments = torch.from_numpy(order.taken).to(values.device)
    return values.index_select(1, moments).gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def greedy(values: torch.Tensor, available: torch.Tensor) -> torch.Tensor:
    """Return the best available action, the first of equals: [...] int64. values, available: [..., n_actions]."""
    return values.masked_fill(~available, -torch.inf).argmax(-1)
