"""The team halves of IPPO and MAPPO: advantages, the clipped surrogate objective, the critic's loss.

    G_t  lambda-return over the critic's values (algorithms.q_learning.td_targets)         no gradient
    A_t  G_t - V_t, the generalised advantage estimate                                     no gradient
    r_t  exp(log_prob - log_prob_old)
    L  = - mean min(r_t A_t, clip(r_t, 1 - c, 1 + c) A_t) - c_H mean entropy + c_V mean (V_t - G_t)^2

V: in MAPPO a network over the global state, one value for the team; in IPPO each agent's row `value`. Means are over
agents and transitions. With algorithm.normalise_advantages, A has mean 0 and standard deviation 1 over a batch, for
each V separately. Values and advantages are computed anew in every epoch (Andrychowicz et al. 2021, arXiv 2006.05990,
section 3.5). An episode truncated by its limit is not terminated: its last value is bootstrapped.
(Schulman et al. 2017, arXiv 1707.06347; Schulman et al. 2016, arXiv 1506.02438; Yu et al. 2022, arXiv 2103.01955.)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import nn

from fedqmix.algorithms.base import TeamHalf
from fedqmix.algorithms.ppo.settings import MappoSettings, PpoSettings
from fedqmix.algorithms.q_learning.td_targets import td_targets
from fedqmix.algorithms.q_learning.team import states
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.existence import mean_over_existing, own_means
from fedqmix.runtime.core.world import TeamSpec

Tensors = Mapping[str, torch.Tensor]
LARGEST_LOG_RATIO = 20.0
"""The bound of |log_prob - log_prob_old|: exp stays finite for any two rows. Honest agents stay far below."""


class PpoTeam(TeamHalf):
    """The losses of policy and critic. A subclass gives the critic's values."""

    settings: PpoSettings
    figures: ClassVar[tuple[str, ...]] = ("loss", "critic_loss", "entropy", "clipped", "kl")

    @abstractmethod
    def values(self, rows: Tensors, transitions: TeamTransitions) -> tuple[torch.Tensor, torch.Tensor]:
        """Return V of the moment of each transition, with graph, and of the next one: [critics, transitions] each."""

    def loss(
        self, target: TeamHalf, rows: Tensors, transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See TeamHalf.

        Figures: the critic's mean squared error, the mean entropy, the share of ratios beyond the clip ratio, and an
        estimate of the KL divergence from the policy that acted, mean (r - 1) - log r. `target` is unused.
        """
        settings = self.settings
        values, following = self.values(rows, transitions)
        returns = self.returns(following, transitions)
        exists = transitions.exists
        advantages = self.advantages(returns - values.detach(), exists)  # [critics, transitions]
        log_ratio = (rows["log_prob"] - rows["log_prob_old"]).clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
        ratio = log_ratio.exp()  # [agents, transitions]
        critic_loss = mean_over_existing((values - returns).square(), exists)
        entropy = mean_over_existing(rows["entropy"], exists)
        loss = (
            -mean_over_existing(clipped_surrogate(ratio, advantages, settings.clip_ratio), exists)
            - settings.entropy_coefficient * entropy
            + settings.value_coefficient * critic_loss
        )
        figures = {"loss": loss, "critic_loss": critic_loss, "entropy": entropy}
        figures["clipped"] = mean_over_existing(((ratio - 1).abs() > settings.clip_ratio).float(), exists)
        figures["kl"] = mean_over_existing(ratio - 1 - log_ratio, exists)
        return loss, {name: value.detach() for name, value in figures.items()}

    def returns(self, following: torch.Tensor, transitions: TeamTransitions) -> torch.Tensor:
        """Return the lambda-returns G without graph: [critics, transitions]. following: V of the next moments."""
        seen, settings = transitions, self.settings
        following = following.detach()
        return td_targets(
            seen.rewards, seen.not_terminated, following, seen.timeline, settings.gamma, settings.gae_lambda
        )

    def advantages(self, raw: torch.Tensor, exists: torch.Tensor | None = None) -> torch.Tensor:
        """Return the advantages, normalised where the settings say so: [critics, transitions].

        exists: TeamTransitions.exists; a critic of an agent is normalised over the transitions in which it exists.
        """
        if not self.settings.normalise_advantages:
            return raw
        if exists is None or len(raw) != len(exists):
            centred = raw - raw.mean(1, keepdim=True)
            return centred / (centred.square().mean(1, keepdim=True).sqrt() + 1e-8)
        centred = raw - own_means(raw, exists).unsqueeze(1)
        return centred / (own_means(centred.square(), exists).unsqueeze(1).sqrt() + 1e-8)


class MappoTeam(PpoTeam):
    """MAPPO: one critic for the team, over the global state."""

    settings: MappoSettings

    def __init__(self, spec: TeamSpec, settings: MappoSettings) -> None:
        super().__init__(spec, settings)
        hidden = settings.critic_hidden
        self.critic = nn.Sequential(
            nn.Linear(spec.state_dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def values(self, rows: Tensors, transitions: TeamTransitions) -> tuple[torch.Tensor, torch.Tensor]:
        """See PpoTeam; one critic."""
        now: torch.Tensor = self.critic(states(transitions, transitions.rows)).t()
        with torch.no_grad():
            following: torch.Tensor = self.critic(states(transitions, transitions.next_rows)).t()
        return now, following


class IppoTeam(PpoTeam):
    """IPPO: the values that the agents send; no network of the team."""

    independent: ClassVar[bool] = True

    def values(self, rows: Tensors, transitions: TeamTransitions) -> tuple[torch.Tensor, torch.Tensor]:
        """See PpoTeam; a critic for each agent."""
        value, order = rows["value"], transitions.timeline
        moments = torch.from_numpy(order.taken).to(value.device)
        return value.index_select(1, moments), value[:, order.batch :]


def clipped_surrogate(ratio: torch.Tensor, advantages: torch.Tensor, clip_ratio: float) -> torch.Tensor:
    """Return min(r A, clip(r, 1 - clip_ratio, 1 + clip_ratio) A): [agents, transitions].

    ratio: r [agents, transitions]. advantages: A [agents or 1, transitions], without graph.
    """
    clipped = ratio.clamp(1 - clip_ratio, 1 + clip_ratio)
    return torch.minimum(ratio * advantages, clipped * advantages)
