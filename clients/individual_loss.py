"""The loss that every agent computes from its own rows and rewards (algorithm.reward=individual).

It takes the place of the team's side in a training step: rows -> loss -> gradients of the differentiable rows. Neither
rows nor rewards leave the agent (algorithms.individual).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from fedqmix.algorithms.base import (
    INDIVIDUAL_REWARD,
    TERMINATED,
    Algorithm,
    AlgorithmSettings,
    TeamHalf,
    TeamInputs,
    learn,
)
from fedqmix.algorithms.individual import make_individual_half
from fedqmix.runtime.core.episodes import SampledEpisodes, TeamTransitions
from fedqmix.runtime.core.existence import entries
from fedqmix.runtime.core.rows import Row, differentiable
from fedqmix.runtime.core.torch_products import adopt_thread_limit, aligned
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.kernels.thread_pool import ThreadPool


class IndividualLoss:
    """The losses of a stack of agents, and their gradients.

    half: an independent team half. rows: the agent half's declaration. n_agents: the number of agents of the team, not
    of the stack.
    """

    def __init__(self, half: TeamHalf, rows: Sequence[Row], n_agents: int) -> None:
        self._half, self._rows, self._n_agents = half, rows, n_agents

    @classmethod
    def of(cls, algorithm: Algorithm, spec: TeamSpec, settings: AlgorithmSettings) -> IndividualLoss | None:
        """Return the losses of a team's agents; None when the team's side computes the loss.

        Raises ConfigurationError as `make_individual_half` does.
        """
        if algorithm.individual is None:
            return None
        return cls(make_individual_half(algorithm.individual, spec, settings), algorithm.agent.rows, spec.n_agents)

    def gradients(
        self, rows: Mapping[str, torch.Tensor], episodes: SampledEpisodes, thread_pool: ThreadPool | None
    ) -> dict[str, torch.Tensor]:
        """Return the gradients of the differentiable rows by name, in the rows' shapes.

        The loss is the mean over the team's agents, so an agent's gradient does not depend on the size of the stack.
        rows: [agents, count, *shape] by name, computed from `episodes`. thread_pool: computes each agent as a stack of
        one; None: the stack is computed at once.
        """
        agents, order = len(episodes.actions), episodes.timeline
        device = episodes.actions.device
        taken = torch.from_numpy(episodes.rows[order.taken]).to(device)
        rewards = episodes.recorded[INDIVIDUAL_REWARD][:, taken]  # [agents, transitions]
        not_terminated = (~episodes.recorded[TERMINATED][0, taken]).to(rewards.dtype)  # the same for all agents
        no_states = rewards.new_empty(episodes.actions.shape[1], 0)
        exists = None
        if episodes.exists is not None:
            exists = entries(torch.from_numpy(episodes.exists).to(device), order, "transition")
        places = episodes.rows[order.taken], episodes.rows[order.batch :]
        found = {name: torch.empty_like(rows[name]) for name in differentiable(self._rows)}

        def compute(own: slice) -> None:
            adopt_thread_limit()
            here = None if exists is None else exists[own]
            transitions = TeamTransitions(no_states, *places, aligned(rewards[own]), not_terminated, order, here)
            own_rows = {name: aligned(row[own]) for name, row in rows.items()}
            gradients, _ = learn(TeamInputs(self._half, self._half, own_rows, transitions), self._rows)
            # the half's loss is the mean over these agents alone, of those that exist
            averaged = own.stop - own.start if episodes.exists is None else int(episodes.exists[own].any(1).sum())
            share = averaged / self._n_agents
            for name, gradient in gradients.items():
                found[name][own] = gradient * share

        if thread_pool is None:
            compute(slice(0, agents))
        else:
            thread_pool.each(lambda agent: compute(slice(agent, agent + 1)), agents)
        return found
