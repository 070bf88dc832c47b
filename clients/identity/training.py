"""Gradient steps of the identity model, for a stack of agents.

Exact form: the decoder's gradients are averaged over the team in every step, so that all agents hold one decoder, as
if their transitions lay in one place. Averaged form: the decoders are averaged after some steps that each agent takes
alone (FedAvg, McMahan et al. 2017, arXiv 1602.05629). Both take sums over the team by `Coordinator.pool`.
The model is small. It is computed on the CPU, each agent as a stack of one, whatever the device of the networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.compiled_train_state import CompiledTrainState
from fedqmix.clients.identity.model import MEAN, Batch, IdentityModel
from fedqmix.clients.identity.transitions import Transitions
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.errors import DivergenceError
from fedqmix.runtime.core.torch_products import adopt_thread_limit, aligned

DECODER_RATE, TABLE_RATE = 2e-3, 3e-2
"""Adam's learning rates. A row of the table gets one agent's gradients alone, and moves in units of its spread."""


@dataclass(frozen=True)
class IdentityPlan:
    """How identities are learned.

    latent: width of z. kl_weight: beta. batch: rows of each agent in a gradient step. average_every: gradient steps
    between two averages of the decoders; 0: gradients are averaged instead, in every step.
    """

    latent: int
    kl_weight: float
    batch: int
    average_every: int


class IdentityTraining:
    """The decoders and identities of a stack of agents while they are learned."""

    def __init__(self, agents: AgentStack, plan: IdentityPlan, transitions: Transitions) -> None:
        """transitions: the agents' own; they are read, and never sent."""
        self._plan, self._transitions = plan, transitions
        self._agent_ids, self._seed, self._n_agents = agents.agent_ids, agents.seed, agents.spec.n_agents
        self._thread_pool = agents.thread_pool
        self.model = IdentityModel(agents.spec, plan.latent, plan.kl_weight)
        decoder = self.model.draw_decoder(len(self._agent_ids), self._seed)
        table = self.model.draw_table(self._agent_ids, self._seed)
        self._decoder = CompiledTrainState(decoder, DECODER_RATE, self._thread_pool)
        self._table = CompiledTrainState(table, TABLE_RATE, self._thread_pool)
        self.steps = 0

    @property
    def means(self) -> torch.Tensor:
        """Each agent's mean: [agents, latent]."""
        return self._table.online[MEAN].detach()

    @property
    def rows(self) -> int:
        """The number of transitions of an agent."""
        return int(self._transitions.actions.shape[1])

    def train(self, steps: int, coordinator: Coordinator) -> torch.Tensor:
        """Take gradient steps; return each agent's squared error, the mean over these steps: [agents] float64.

        Raises DivergenceError when an error is not finite.
        """
        errors = torch.zeros(len(self._agent_ids), dtype=torch.float64)
        for _ in range(steps):
            errors += self._step(coordinator)
        return errors / max(steps, 1)

    def _step(self, coordinator: Coordinator) -> torch.Tensor:
        errors = torch.zeros(len(self._agent_ids), dtype=torch.float64)

        def compute(agent: int) -> None:
            adopt_thread_limit()
            errors[agent] = self._gradients(agent)

        self._thread_pool.each(compute, len(self._agent_ids))
        if not torch.isfinite(errors).all():
            place = int((~torch.isfinite(errors)).nonzero()[0])
            raise DivergenceError(
                f"the error of the identity model of agent {self._agent_ids[place]}", f"identity step {self.steps + 1}"
            )
        every = self._plan.average_every
        decoder = self._decoder.online
        if every == 0:
            self._average([value.grad for value in decoder.values() if value.grad is not None], coordinator)
        self._decoder.step(1.0)
        self._table.step(1.0)
        self.steps += 1
        if every > 0 and self.steps % every == 0:
            self._average([value.detach() for value in decoder.values()], coordinator)
        return errors

    def _gradients(self, agent: int) -> float:
        """Write one agent's gradients; return its squared error."""
        random = seeds.generator(self._seed, "identity batch", self._agent_ids[agent], self.steps)
        rows = random.integers(self.rows, size=self._plan.batch)
        noise = random.standard_normal((self._plan.batch, self._plan.latent), dtype=np.float32)
        batch = Batch(*(torch.from_numpy(column[agent, rows]) for column in self._transitions))
        parts = self._decoder.online, self._table.online
        decoder, table = ({name: aligned(value.detach()[agent]) for name, value in part.items()} for part in parts)
        error, *found = self.model.gradients(decoder, table, torch.from_numpy(noise).to(batch.rewards.dtype), batch)
        for part, gradients in zip(parts, found, strict=True):
            for name, gradient in gradients.items():
                into = part[name].grad
                assert into is not None  # CompiledTrainState has them from the start
                into[agent] = gradient
        return float(error)

    def _average(self, values: Sequence[torch.Tensor], coordinator: Coordinator) -> None:
        """Replace every agent's values by their mean over the team. values: [agents, ...] each, written in place."""
        pooled = coordinator.pool(torch.cat([value.flatten(1) for value in values], dim=1))
        sizes = [value[0].numel() for value in values]
        for value, total in zip(values, torch.split(pooled, sizes, dim=1), strict=True):
            value.copy_(total.view_as(value) / self._n_agents)
