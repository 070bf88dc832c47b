"""The rows that a stack of agents sends in a training step, and their backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from fedqmix.algorithms.q_learning.settings import QLearningSettings
from fedqmix.clients.agent_rows import AgentRows, Sampled
from fedqmix.clients.torch_rows import rows_by_agent, rows_of_stacks
from fedqmix.networks.gru_kernels.networks import gradient_arrays
from fedqmix.runtime.core.existence import entries, zero_where_absent


def rows_batched(sampled: Sequence[Sampled]) -> list[AgentRows]:
    """Compute every team's rows by the backend of their settings."""
    first = sampled[0].agents
    if first.learns_by_kernels:
        found = [_compiled(one) for one in sampled]
    elif first.by_agent:
        found = [rows_by_agent(one) for one in sampled]
    else:
        found = rows_of_stacks(sampled)
    return [_of_existing(one, computed) for one, computed in zip(sampled, found, strict=True)]


def backward_batched(learned: Sequence[tuple[AgentRows, Mapping[str, torch.Tensor]]]) -> list[None]:
    """Compute the gradients of every team's parameters. learned: rows, and gradients of the differentiable rows."""
    for computed, gradients in learned:
        if computed.way_back is not None:
            computed.way_back(gradients)
    by_graph = [
        (computed.rows[name], gradient)
        for computed, gradients in learned
        if computed.way_back is None
        for name, gradient in gradients.items()
    ]
    if by_graph:
        torch.autograd.backward([row for row, _ in by_graph], [gradient for _, gradient in by_graph])
    return [None for _ in learned]


def _of_existing(sampled: Sampled, computed: AgentRows) -> AgentRows:
    """Return rows that are zero, and pass no gradient, where an agent does not exist (runtime.core.existence)."""
    agents, episodes = sampled
    if episodes.exists is None:
        return computed
    here = torch.from_numpy(episodes.exists).to(agents.device)
    exists = {row.name: entries(here, episodes.timeline, row.per) for row in agents.half.rows}
    rows = {name: zero_where_absent(row, exists[name]) for name, row in computed.rows.items()}
    back = computed.way_back
    if back is None:  # autograd passes no gradient either
        return AgentRows(rows)

    def way_back(gradients: Mapping[str, torch.Tensor]) -> None:
        back({name: zero_where_absent(gradient, exists[name]) for name, gradient in gradients.items()})

    return AgentRows(rows, way_back)


def _compiled(sampled: Sampled) -> AgentRows:
    """Compute the rows of Q-learning by kernels (networks.gru_kernels)."""
    agents, episodes = sampled
    assert agents.compiled is not None
    assert isinstance(agents.learning, QLearningSettings)
    values = agents.compiled.values(agents.online, agents.target, episodes, agents.learning.double_q)

    def way_back(gradients: Mapping[str, torch.Tensor]) -> None:
        values.backward(gradients["q_taken"], gradient_arrays(agents.online))

    return AgentRows({"q_taken": values.q_taken, "q_next": values.q_next}, way_back)
