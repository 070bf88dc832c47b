"""The agent halves of OW-QMIX and CW-QMIX: a second network c beside q, for the central mixer.

    u^_t             the best available action of the online q
    q_taken          q(u_t)                     central_taken    c(u_t)
    OW  central_next     c'(u^_{t+1})           CW  central_greedy   c'(u^_t) at every moment
                                                    acted_greedily   u_t = u^_t
c': the target of c. The target of q is unused. (Rashid et al. 2020, arXiv 2006.10800, section 5; oxwhirl/wqmix.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from fedqmix.algorithms.base import AgentHalf, AgentNetworks, Q
from fedqmix.algorithms.q_learning.agent import Q_TAKEN, greedy, taken
from fedqmix.runtime.core.episodes import PackedEpisodes
from fedqmix.runtime.core.rows import Row
from fedqmix.runtime.core.timeline import Timeline

CENTRAL = "central"
"""The network c; its parameters are named central.*, so that strategy.shared can select them."""
CENTRAL_TAKEN = Row("central_taken", "a second value of the action it took", differentiable=True, q_value=True)
CENTRAL_NEXT = Row("central_next", "a second value of its preferred action at the next moment", q_value=True)
CENTRAL_GREEDY = Row("central_greedy", "a second value of its preferred action", per="moment", q_value=True)
ACTED_GREEDILY = Row("acted_greedily", "in which steps it explored", dtype="bool")


class OwQmixAgent(AgentHalf):
    """The agent half that sends the rows of the optimistic weights."""

    rows: ClassVar[tuple[Row, ...]] = (Q_TAKEN, CENTRAL_TAKEN, CENTRAL_NEXT)
    networks: ClassVar[tuple[str, ...]] = (Q, CENTRAL)

    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """See AgentHalf."""
        q = networks.online()
        _, central = self.best(q, networks, episodes)
        values = {"q_taken": q, "central_taken": networks.online(CENTRAL)}
        rows = {name: taken(value, episodes.actions, order) for name, value in values.items()}
        return rows | {"central_next": central[:, order.batch :]}

    @torch.no_grad()
    def best(
        self, q: torch.Tensor, networks: AgentNetworks, episodes: PackedEpisodes
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the greedy actions u^ and c'(u^) at every moment: [agents, moments] each."""
        actions = greedy(q.detach(), episodes.available_actions)
        return actions, networks.target(CENTRAL).gather(-1, actions.unsqueeze(-1)).squeeze(-1)


class CwQmixAgent(OwQmixAgent):
    """The agent half that sends the rows of the central weights, among them whether an action was greedy."""

    rows: ClassVar[tuple[Row, ...]] = (Q_TAKEN, CENTRAL_TAKEN, CENTRAL_GREEDY, ACTED_GREEDILY)

    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """See AgentHalf."""
        q = networks.online()
        actions, central = self.best(q, networks, episodes)
        values = {"q_taken": q, "central_taken": networks.online(CENTRAL)}
        rows = {name: taken(value, episodes.actions, order) for name, value in values.items()}
        moments = torch.from_numpy(order.taken).to(q.device)
        flags = {"acted_greedily": actions.index_select(1, moments) == episodes.actions}
        return rows | {"central_greedy": central} | flags
