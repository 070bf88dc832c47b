"""The agent half of QPLEX: values and best values now and at the next moment, and the actions they are of.

    q_taken   Q_i of the action taken         q_max        Q_i of the best available action
    q_next    Q_i' of u^                      q_next_max   Q_i' of the best available action      (target network)
    action    the action taken                greedy_next  u^, the best available action by the online network

The values of a pair have one network and one mask, so q_taken <= q_max and q_next <= q_next_max. With
algorithm.double_q false the target network selects u^, and the last pair is equal. (Wang et al. 2020, arXiv 2008.01062;
wjh720/QPLEX: q_max has no gradient.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from fedqmix.algorithms.base import AgentHalf, AgentNetworks
from fedqmix.algorithms.q_learning.agent import Q_NEXT, Q_TAKEN, acted, chosen, greedy_next, highest
from fedqmix.algorithms.qplex.settings import QplexSettings
from fedqmix.runtime.core.episodes import PackedEpisodes
from fedqmix.runtime.core.rows import N_ACTIONS, Row
from fedqmix.runtime.core.timeline import Timeline

Q_MAX = Row("q_max", "how much it values its preferred action", q_value=True)
Q_NEXT_MAX = Row("q_next_max", "the highest value of its target network at the next moment", q_value=True)
ACTION = Row("action", "the action it took", dtype="uint8", below=N_ACTIONS)
GREEDY_NEXT = Row("greedy_next", "its preferred action at the next moment", dtype="uint8", below=N_ACTIONS)


class QplexAgent(AgentHalf):
    """The agent half that sends four values and two actions per transition."""

    settings: QplexSettings
    rows: ClassVar[tuple[Row, ...]] = (Q_TAKEN, Q_MAX, Q_NEXT, Q_NEXT_MAX, ACTION, GREEDY_NEXT)

    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """See AgentHalf."""
        whole = networks.online()  # [agents, moments, n_actions]
        q = acted(whole, order)  # [agents, transitions, n_actions]
        with torch.no_grad():
            target = networks.target()[:, order.batch :]
            best = greedy_next(whole, target, episodes, order, self.settings.double_q)
            available = episodes.available_actions
            values = {
                "q_max": highest(q, acted(available, order)),
                "q_next": chosen(target, best),
                "q_next_max": highest(target, available[:, order.batch :]),
            }
        actions = {"action": episodes.actions.to(torch.uint8), "greedy_next": best.to(torch.uint8)}
        return {"q_taken": chosen(q, episodes.actions)} | values | actions
