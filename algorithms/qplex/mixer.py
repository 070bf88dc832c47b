"""QPLEX's duplex duelling mixer (Wang et al. 2020, arXiv 2008.01062; wjh720/QPLEX).

    Q_i~     = w_i(s) q_i + b_i(s),  w_i(s) > 0            A_i~ = w_i(s) (q_i - m_i) <= 0, a constant
    Q_total  = sum_i Q_i~ + sum_i (lambda_i(s, u) - 1) A_i~
    lambda_i = sum_k |key_k(s)| sigmoid(agents_k(s))_i sigmoid(actions_k(s, u))_i > 0

q_i: the value of agent i's action, m_i: of its best available action. Where all agents act greedily A~ is 0, elsewhere
it is not positive: the greedy joint action is the best one of Q_total. As released, A~ has no gradient, so
d Q_total / d q_i = w_i(s), and lambda learns through its product with A~.
"""

from __future__ import annotations

import torch
from torch import nn

from fedqmix.algorithms.q_learning.mixers.feed_forward import feed_forward, hidden_layers
from fedqmix.algorithms.qplex.settings import QplexSettings
from fedqmix.runtime.core.world import TeamSpec

POSITIVE = 1e-10
"""Added to absolute values, so that no weight is 0."""


class AttentionHeads(nn.Module):
    """The weights lambda_i(s, u) of the advantages: a sum over heads, each with three networks."""

    def __init__(self, spec: TeamSpec, settings: QplexSettings) -> None:
        super().__init__()
        self._n_actions = spec.n_actions
        joint = spec.state_dim + spec.n_agents * spec.n_actions
        inner = hidden_layers(settings.attention_layers, settings.hypernetwork_hidden)

        def heads(inputs: int, outputs: int) -> nn.ModuleList:
            return nn.ModuleList(feed_forward(inputs, *inner, outputs) for _ in range(settings.attention_heads))

        self.keys = heads(spec.state_dim, 1)
        self.agents = heads(spec.state_dim, spec.n_agents)
        self.actions = heads(joint, spec.n_agents)

    def forward(self, actions: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Return the weights [transitions, agents].

        actions: [agents, transitions], whole numbers. state: [transitions, state_dim].
        """
        chosen = nn.functional.one_hot(actions.t().long(), self._n_actions).to(state.dtype)
        joint = torch.cat([state, chosen.flatten(1)], dim=1)  # [transitions, state_dim + agents * n_actions]
        keys = torch.stack([head(state) for head in self.keys]).abs() + POSITIVE  # [heads, transitions, 1]
        agents = torch.stack([head(state) for head in self.agents]).sigmoid()  # [heads, transitions, agents]
        of_actions = torch.stack([head(joint) for head in self.actions]).sigmoid()
        return (keys * agents * of_actions).sum(0)


class QplexMixer(nn.Module):
    """The mixer: positive weights and biases from the state, and the heads of the advantages' weights."""

    def __init__(self, spec: TeamSpec, settings: QplexSettings) -> None:
        super().__init__()
        hidden = settings.hypernetwork_hidden
        self.weight = feed_forward(spec.state_dim, hidden, spec.n_agents)
        self.bias = feed_forward(spec.state_dim, hidden, spec.n_agents)
        self.heads = AttentionHeads(spec, settings)

    def forward(self, q: torch.Tensor, q_max: torch.Tensor, actions: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Return Q_total: [1, transitions].

        q, q_max, actions: [agents, transitions]. state: [transitions, state_dim].
        """
        weight = self.weight(state).abs() + POSITIVE  # [transitions, agents]
        transformed = weight * q.t() + self.bias(state)
        # The difference is taken before the weight, so that rounding cannot make it positive; an agent could send that.
        advantage = (weight * (q - q_max).clamp(max=0).t()).detach()
        total: torch.Tensor = (transformed + advantage * (self.heads(actions, state) - 1)).sum(1)
        return total.unsqueeze(0)
