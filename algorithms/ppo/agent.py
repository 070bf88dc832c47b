"""The agent halves of IPPO and MAPPO: a policy pi and, in IPPO, a value network v.

    log_prob    log pi(u_t)           entropy   H(pi)         over the available actions, now
    log_prob_old                      log pi(u_t) at the time u_t was drawn, recorded while acting
    IPPO        value   v at every moment

pi is the softmax of network q's outputs over the available actions; an action that is not available has probability
0. (de Witt et al. 2020, arXiv 2011.09533; Yu et al. 2022, arXiv 2103.01955.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from fedqmix.algorithms.base import LOG_PROB, AgentHalf, AgentNetworks, Q, Replay, Selection
from fedqmix.runtime.core.episodes import PackedEpisodes
from fedqmix.runtime.core.rows import Row
from fedqmix.runtime.core.timeline import Timeline

VALUE = "value"
"""The network v; its parameters are named value.*, so that strategy.shared can select them."""
NEVER = -1e9
"""The logit of an action that is not available: its probability is exactly 0, and so are its gradients. It is finite,
also times a gradient, because 0 times infinity is not a number."""
NOW = Row("log_prob", "how probable the action it took is by its current policy", differentiable=True)
OLD = Row("log_prob_old", "how probable that action was when it took it")
ENTROPY = Row("entropy", "how undecided it is between its actions; 0: it had only one", differentiable=True)
VALUES = Row("value", "which return of the team it expects", differentiable=True, per="moment", q_value=True)


class MappoAgent(AgentHalf):
    """The agent half that sends the probabilities of its actions, and no value."""

    rows: ClassVar[tuple[Row, ...]] = (NOW, OLD, ENTROPY)
    selection: ClassVar[Selection] = "categorical"
    recorded: ClassVar[tuple[str, ...]] = (LOG_PROB,)
    replay: ClassVar[Replay] = "newest"

    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """See AgentHalf."""
        logits = networks.online()  # [agents, moments, n_actions]
        acted = torch.from_numpy(order.taken).to(logits.device)
        available = episodes.available_actions.index_select(1, acted)
        log_probs = log_probabilities(logits.index_select(1, acted), available)
        return {
            "log_prob": log_probs.gather(-1, episodes.actions.unsqueeze(-1)).squeeze(-1),
            "log_prob_old": episodes.recorded[LOG_PROB],
            "entropy": entropy(log_probs),
        }


class IppoAgent(MappoAgent):
    """The agent half that sends the values of its own observations too."""

    rows: ClassVar[tuple[Row, ...]] = (NOW, OLD, ENTROPY, VALUES)
    networks: ClassVar[tuple[str, ...]] = (Q, VALUE)
    outputs: ClassVar[Mapping[str, int]] = {VALUE: 1}

    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """See AgentHalf."""
        return {**super().compute(networks, episodes, order), "value": networks.online(VALUE).squeeze(-1)}


def log_probabilities(logits: torch.Tensor, available: torch.Tensor) -> torch.Tensor:
    """Return the policy's log-probabilities [..., n_actions]; about NEVER where not available."""
    return logits.masked_fill(~available, NEVER).log_softmax(-1)


def entropy(log_probs: torch.Tensor) -> torch.Tensor:
    """Return the entropy in nats: [...]. log_probs: [..., n_actions] from `log_probabilities`."""
    return -(log_probs.exp() * log_probs).sum(-1)
