"""Learning from individual rewards: every agent computes its loss itself, and no row crosses the cut.

    L = 1/N sum_i L_i(rows of agent i, rewards of agent i)

L_i is the loss that the algorithm's team half computes for a team of agent i alone. The team half must be independent
(algorithms.base.TeamHalf.independent). `clients.individual_loss` computes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from fedqmix.algorithms.base import Algorithm, AlgorithmSettings, TeamHalf
from fedqmix.algorithms.rewards import INDIVIDUAL, TEAM, RewardSettings
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import TeamSpec


class NoTeamLoss(TeamHalf):
    """The team half of agents that compute their losses themselves: no networks, no rows, no figures."""

    figures: ClassVar[tuple[str, ...]] = ()

    def loss(
        self, target: TeamHalf, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return 0: there are no rows."""
        return torch.zeros(()), {}


def with_reward(algorithm: Algorithm, settings: AlgorithmSettings) -> Algorithm:
    """Return the algorithm as algorithm.reward has it: the loss on the team's side, or with the agents.

    Raises ConfigurationError for individual rewards when the team half is not independent.
    """
    if not isinstance(settings, RewardSettings) or settings.reward == TEAM:
        return algorithm
    if not algorithm.team.independent:
        raise ConfigurationError(
            f"algorithm.reward={INDIVIDUAL} with algorithm={settings.name}: {algorithm.team.__name__} is not "
            "independent, so no agent can compute its loss by itself. Set `independent = True` in that class if its "
            f"loss is a mean over the agents, without networks of the team (docs/own_methods.md); else write "
            f"algorithm.reward={TEAM}."
        )
    return Algorithm(algorithm.agent, NoTeamLoss, individual=algorithm.team)


def make_individual_half(half: type[TeamHalf], spec: TeamSpec, settings: AlgorithmSettings) -> TeamHalf:
    """Return the half that agents compute by themselves.

    Raises ConfigurationError when it has parameters: no agent would learn them.
    """
    made = half(spec, settings)
    if names := [name for name, _ in made.named_parameters()]:
        raise ConfigurationError(
            f"algorithm.reward={INDIVIDUAL} with algorithm={settings.name}: {half.__name__} is declared independent, "
            f"but has parameters ({', '.join(names[:3])}), which no agent would learn. Write algorithm.reward={TEAM}."
        )
    return made
