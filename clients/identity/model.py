"""The identity model of SePS (Christianos et al. 2021, arXiv 2102.07475): what an agent sees next tells what it is.

    z_i = mean_i + exp(log_variance_i / 2) noise,    (o', r) = decoder(z_i, o, a)
    L_i = mean over rows |(o', r) - decoder(z_i, o, a)|^2 + beta KL(N(mean_i, variance_i) || N(0, I))

An encoder whose only input is the one-hot agent id is a table with a row (mean_i, log_variance_i) for each agent. So
each agent keeps its own row, and only the decoder is common to the team. SePS's encoder has a hidden layer, which
couples the rows in training; the table does without.
"""

from __future__ import annotations

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
"""The first log variances: noise of 0.14, small enough for first means to be told apart by the decoder."""
MEAN, LOG_VARIANCE = "mean", "log_variance"


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

    def loss(
        self, decoder: Parameters, table: Parameters, noise: torch.Tensor, rows: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss and the squared error of each agent: [agents] each.

        noise: [agents, rows, latent], standard normal. rows: observations [agents, rows, obs_dim], actions
        [agents, rows] int64, rewards [agents, rows], next observations [agents, rows, obs_dim].
        """
        observations, actions, rewards, next_observations = rows
        mean, log_variance = table[MEAN].unsqueeze(1), table[LOG_VARIANCE].unsqueeze(1)
        one_hot = torch.nn.functional.one_hot(actions, self.spec.n_actions).to(observations.dtype)
        features = torch.cat([mean + (log_variance / 2).exp() * noise, observations, one_hot], dim=-1)
        for name in ("fc1", "fc2"):
            features = layers.linear(decoder, name, features).relu()
        found = layers.linear(decoder, "head", features)
        wanted = torch.cat([next_observations, rewards.unsqueeze(-1)], dim=-1)
        error = ((found - wanted) ** 2).sum(-1).mean(1)
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum((1, 2))
        return error + self.kl_weight * divergence, error
