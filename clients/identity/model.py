"""The identity model of SePS (Christianos et al. 2021, arXiv 2102.07475): what an agent sees next shows what it is.

    z_i = mean_i + exp(log_variance_i / 2) noise,    (o', r) = decoder(z_i, o, a)
    L_i = mean over rows |(o', r) - decoder(z_i, o, a)|^2 + beta KL(N(mean_i, variance_i) || N(0, I))

An encoder whose only input is the one-hot agent id is a table with a row (mean_i, log_variance_i) for each agent. So
each agent keeps its own row, and only the decoder is common to the team. SePS's encoder has a hidden layer, which
couples the rows in training; the table does without.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from fedqmix.networks import layers
from fedqmix.networks.base import Parameters
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.world import TeamSpec

HIDDEN = 64
"""Units of each of the decoder's two hidden layers (SePS)."""
FIRST_SPREAD = 0.1
"""Standard deviation of the first means."""
FIRST_LOG_VARIANCE = -4.0
"""The first log variances: noise of 0.14, small enough that the decoder can distinguish the first means."""
MEAN, LOG_VARIANCE = "mean", "log_variance"


class Batch(NamedTuple):
    """Some transitions of one agent."""

    observations: torch.Tensor  # [rows, obs_dim]
    actions: torch.Tensor  # [rows] int64
    rewards: torch.Tensor  # [rows]
    next_observations: torch.Tensor  # [rows, obs_dim]


class IdentityModel:
    """The decoder's sizes and the loss. latent: width of z; kl_weight: beta."""

    def __init__(self, spec: TeamSpec, latent: int, kl_weight: float) -> None:
        self.spec, self.latent, self.kl_weight = spec, latent, kl_weight
        inputs, outputs = latent + spec.obs_dim + spec.n_actions, spec.obs_dim + 1
        self.layers = {"fc1": (inputs, HIDDEN), "fc2": (HIDDEN, HIDDEN), "head": (HIDDEN, outputs)}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the decoder's parameters, by name."""
        weights = {f"{name}.weight": size for name, size in self.layers.items()}
        return weights | {f"{name}.bias": size[1:] for name, size in self.layers.items()}

    def draw_decoder(self, agents: int, seed: int) -> Parameters:
        """Draw the decoder, equal for all agents of all stacks: [agents, ...] by name."""
        random = seeds.generator(seed, "identity decoder")
        drawn: Parameters = {}
        for name, (rows, columns) in self.layers.items():
            weight = torch.from_numpy(layers.orthogonal(random, rows, columns) * np.float32(np.sqrt(2)))
            drawn[f"{name}.weight"] = weight.expand(agents, -1, -1).clone()
        for name, (_, columns) in self.layers.items():
            drawn[f"{name}.bias"] = torch.zeros(agents, columns)
        return drawn

    def draw_table(self, agent_ids: tuple[int, ...], seed: int) -> Parameters:
        """Draw each agent's first mean and log variance: [agents, latent] each."""
        means = [seeds.generator(seed, "identity", agent).standard_normal(self.latent) for agent in agent_ids]
        mean = torch.from_numpy((FIRST_SPREAD * np.stack(means)).astype(np.float32))
        return {MEAN: mean, LOG_VARIANCE: torch.full_like(mean, FIRST_LOG_VARIANCE)}

    def gradients(
        self, decoder: Parameters, table: Parameters, noise: torch.Tensor, batch: Batch
    ) -> tuple[torch.Tensor, Parameters, Parameters]:
        """Return the squared error of one agent, and the gradients of its loss by the decoder and by its row.

        decoder, table: the agent's, by name and without an agent axis. noise: [rows, latent], standard normal. Derived
        by hand: automatic differentiation of so small a model takes several times as long as its products.
        """
        count, latent = noise.shape
        deviation = (table[LOG_VARIANCE] / 2).exp()
        one_hot = torch.nn.functional.one_hot(batch.actions, self.spec.n_actions).to(noise.dtype)
        inputs = torch.cat([table[MEAN] + deviation * noise, batch.observations, one_hot], dim=1)
        first = torch.addmm(decoder["fc1.bias"], inputs, decoder["fc1.weight"]).relu_()
        second = torch.addmm(decoder["fc2.bias"], first, decoder["fc2.weight"]).relu_()
        apart = torch.addmm(decoder["head.bias"], second, decoder["head.weight"])
        apart[:, :-1] -= batch.next_observations
        apart[:, -1] -= batch.rewards
        error = apart.square().sum() / count

        to_head = apart.mul_(2 / count)
        to_second = torch.mm(to_head, decoder["head.weight"].T).mul_(second > 0)
        to_first = torch.mm(to_second, decoder["fc2.weight"].T).mul_(first > 0)
        to_z = torch.mm(to_first, decoder["fc1.weight"][:latent].T)
        of_decoder = {
            "fc1.weight": torch.mm(inputs.T, to_first),
            "fc2.weight": torch.mm(first.T, to_second),
            "head.weight": torch.mm(second.T, to_head),
            "fc1.bias": to_first.sum(0),
            "fc2.bias": to_second.sum(0),
            "head.bias": to_head.sum(0),
        }
        variance = table[LOG_VARIANCE].exp()
        of_table = {
            MEAN: to_z.sum(0) + self.kl_weight * table[MEAN],
            LOG_VARIANCE: (to_z * noise).sum(0) * deviation / 2 + self.kl_weight / 2 * (variance - 1),
        }
        return error, of_decoder, of_table
