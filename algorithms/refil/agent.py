"""The agent half of REFIL: Q-learning's rows, and two further values of the action taken, of imagined groups.

    q_within    Q_i(u_i) when the agent reads the entities of its own group alone
    q_across    Q_i(u_i) when it reads the entities of the other group alone, and so not itself

Each has recurrent states of its own, from the episode's beginning. Actions are selected, and q_next computed, with all
entities in sight. (Iqbal et al. 2021, arXiv 2006.04222, section 4.2.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from fedqmix.algorithms.base import AgentNetworks
from fedqmix.algorithms.q_learning.agent import Q_NEXT, Q_TAKEN, QLearningAgent, chosen, greedy_next, taken
from fedqmix.algorithms.refil.groups import imagined_groups, numbered_entities
from fedqmix.runtime.core.episodes import PackedEpisodes
from fedqmix.runtime.core.rows import Row
from fedqmix.runtime.core.timeline import Timeline

Q_WITHIN = Row(
    "q_within",
    "how much it values the action it took by what it sees of an imagined group, its own",
    differentiable=True,
    q_value=True,
)
Q_ACROSS = Row(
    "q_across",
    "how much it values the action it took by what it sees of the others",
    differentiable=True,
    q_value=True,
)


class RefilAgent(QLearningAgent):
    """The agent half that also sends values of imagined groups."""

    rows: ClassVar[tuple[Row, ...]] = (Q_TAKEN, Q_WITHIN, Q_ACROSS, Q_NEXT)
    hides_entities: ClassVar[bool] = True

    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """See AgentHalf."""
        together = _together(networks, episodes, order)
        q, within, across = networks.online_hidden([None, ~together, together])
        with torch.no_grad():
            target = networks.target()[:, order.batch :]
            q_next = chosen(target, greedy_next(q, target, episodes, order, self.settings.double_q))
        values = {"q_taken": q, "q_within": within, "q_across": across}
        return {name: taken(value, episodes.actions, order) for name, value in values.items()} | {"q_next": q_next}


def _together(networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> torch.Tensor:
    """Return which entities are in an agent's group: [agents, moments, entities] bool, by the entities' numbers."""
    count, ids = numbered_entities(networks.spec), networks.agent_ids
    drawn = np.stack(
        [imagined_groups(draws, order.batch, count) for draws in episodes.draws]
    )  # [runs, batch, entities]
    groups = torch.from_numpy(drawn).to(ids.device).repeat_interleave(len(ids) // len(drawn), dim=0)
    own = groups.gather(2, ids.view(-1, 1, 1).expand(-1, order.batch, 1))  # an agent's number is its id
    return (groups == own).index_select(1, torch.from_numpy(order.moment_episode).to(ids.device))
