"""The agent half of TransfQMix: Q-learning's rows, and the features of the agent's networks.

    embedding          the features of the online network at every moment, a constant
    embedding_target   those of the target network

With model=transformer the features are the recurrent token, with model=gru the hidden state. Both are digests of all
that the agent has observed, so the mixer learns more about it than with other mixers; algorithm=transf_state needs
neither. (Gallici et al. 2023, arXiv 2301.05334; mttga/pymarl_transformers detaches them too.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from fedqmix.algorithms.base import AgentNetworks, AlgorithmSettings
from fedqmix.algorithms.q_learning.agent import Q_NEXT, Q_TAKEN, QLearningAgent, chosen, greedy_next, taken
from fedqmix.algorithms.transf_qmix.settings import TransfQmixSettings
from fedqmix.runtime.core.episodes import PackedEpisodes
from fedqmix.runtime.core.rows import Row
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import TeamSpec

TOKEN_WIDTH = "token_width"
"""The name of the features' width in the declaration of rows."""
EMBEDDING = Row(
    "embedding", "its recurrent state: a learned digest of all it has observed", (TOKEN_WIDTH,), per="moment"
)
EMBEDDING_TARGET = Row("embedding_target", "the same of its target network", (TOKEN_WIDTH,), per="moment")


class TransfQmixAgent(QLearningAgent):
    """The agent half that also sends its features."""

    rows: ClassVar[tuple[Row, ...]] = (Q_TAKEN, Q_NEXT, EMBEDDING, EMBEDDING_TARGET)
    features: ClassVar[str | None] = TOKEN_WIDTH

    @classmethod
    def sizes(cls, spec: TeamSpec, settings: AlgorithmSettings) -> Mapping[str, int]:
        """See AgentHalf."""
        assert isinstance(settings, TransfQmixSettings)
        return {**super().sizes(spec, settings), TOKEN_WIDTH: settings.token_width}

    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """See AgentHalf."""
        q, embedding = networks.online_with_features()
        with torch.no_grad():
            target, embedding_target = networks.target_with_features()
            after = target[:, order.batch :]
            q_next = chosen(after, greedy_next(q, after, episodes, order, self.settings.double_q))
        rows = {"q_taken": taken(q, episodes.actions, order), "q_next": q_next}
        return {**rows, "embedding": embedding.detach(), "embedding_target": embedding_target}
