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
            best = greedy_next(q, target, episodes, order, self.settings.double_q)
            q_next = chosen(target, best)
        return {"q_taken": taken(q, episodes.actions, order), "q_next": q_next}


def taken(values: torch.Tensor, actions: torch.Tensor, order: Timeline) -> torch.Tensor:
    """Return the values of the actions taken: [agents, transitions].

    values: [agents, moments, n_actions]. actions: [agents, transitions] int64.
    """
    return chosen(acted(values, order), actions)


def acted(values: torch.Tensor, order: Timeline) -> torch.Tensor:
    """Return the values of the moments at which agents acted: [agents, moments, ...] -> [agents, transitions, ...]."""
    return values.index_select(1, torch.from_numpy(order.taken).to(values.device))


def chosen(values: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Return the values of one action each: [...]. values: [..., n_actions]. actions: [...] int64."""
    return values.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def greedy_next(
    q: torch.Tensor, target: torch.Tensor, episodes: PackedEpisodes, order: Timeline, double_q: bool
) -> torch.Tensor:
    """Return the best available action at the moment after each transition: [agents, transitions] int64.

    q: the online network's values [agents, moments, n_actions], which decide with double_q; target: the target
    network's at the moments after transitions [agents, transitions, n_actions], which decide without.
    """
    selector = q.detach()[:, order.batch :] if double_q else target
    return greedy(selector, episodes.available_actions[:, order.batch :])


def greedy(values: torch.Tensor, available: torch.Tensor) -> torch.Tensor:
    """Return the best available action, the first of equals: [...] int64. values, available: [..., n_actions]."""
    return values.masked_fill(~available, -torch.inf).argmax(-1)


def highest(values: torch.Tensor, available: torch.Tensor) -> torch.Tensor:
    """Return the value of the best available action: [...]. values, available: [..., n_actions]."""
    return values.masked_fill(~available, -torch.inf).amax(-1)
