"""The agent half of QTRAN-base: encodings of its hidden state with an action, and two values.

    u^_t             the best available action of the online q
    encoding_taken   e(h_t, u_t)            encoding_greedy   e(h_t, u^_t), a constant
    encoding_next    e'(h'_{t+1}, u^_{t+1})                                             (target networks)
    q_taken          q(u_t)                 q_max             q(u^_t)

h: the features of the Q-network, e: the encoder (networks.encoder). The published encoder is one for all agents, beside
the joint value. Here each agent has its own, so that its hidden state does not leave it; encoder.* in strategy.shared
averages them. The team half uses only the sums over agents (Row.summed). (Son et al. 2019, arXiv 1905.05408;
oxwhirl/pymarl, qtran_base.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from fedqmix.algorithms.base import AgentHalf, AgentNetworks, AlgorithmSettings
from fedqmix.algorithms.q_learning.agent import Q_TAKEN, acted, chosen, greedy, greedy_next
from fedqmix.algorithms.qtran.settings import QtranSettings
from fedqmix.runtime.core.episodes import PackedEpisodes
from fedqmix.runtime.core.rows import Row
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import TeamSpec

ENCODER = "encoder"
"""The encoder e; its parameters are named encoder.*. Also the name of the encodings' width in the declaration."""
DIGEST = "a learned digest of all it has observed, with the action"
ENCODING_TAKEN = Row("encoding_taken", f"{DIGEST} it took", (ENCODER,), differentiable=True, summed=True)
ENCODING_GREEDY = Row("encoding_greedy", f"{DIGEST} it prefers", (ENCODER,), summed=True)
ENCODING_NEXT = Row("encoding_next", f"{DIGEST} it prefers, at the next moment", (ENCODER,), summed=True)
Q_MAX = Row("q_max", "how much it values its preferred action", differentiable=True, q_value=True, summed=True)


class QtranAgent(AgentHalf):
    """The agent half that sends three encodings and two values per transition."""

    settings: QtranSettings
    rows: ClassVar[tuple[Row, ...]] = (
        ENCODING_TAKEN,
        ENCODING_GREEDY,
        ENCODING_NEXT,
        Q_TAKEN._replace(summed=True),
        Q_MAX,
    )
    encoders: ClassVar[tuple[str, ...]] = (ENCODER,)

    @classmethod
    def sizes(cls, spec: TeamSpec, settings: AlgorithmSettings) -> Mapping[str, int]:
        """See AgentHalf; an encoding is as wide as encoding_embed and the number of actions together."""
        assert isinstance(settings, QtranSettings)
        return {**super().sizes(spec, settings), ENCODER: settings.encoding_embed + spec.n_actions}

    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """See AgentHalf."""
        values, features = networks.online_with_features()  # [agents, moments, n_actions], [agents, moments, width]
        q, hidden = acted(values, order), acted(features, order)
        with torch.no_grad():
            best = greedy(q, acted(episodes.available_actions, order))
            encoding_greedy = networks.online_encoded(ENCODER, hidden, best)
            target, after = (whole[:, order.batch :] for whole in networks.target_with_features())
            best_next = greedy_next(values, target, episodes, order, self.settings.double_q)
        return {
            "encoding_taken": networks.online_encoded(ENCODER, hidden, episodes.actions),
            "encoding_greedy": encoding_greedy,
            "encoding_next": networks.target_encoded(ENCODER, after, best_next),
            "q_taken": chosen(q, episodes.actions),
            "q_max": chosen(q, best),
        }
