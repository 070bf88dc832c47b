"""RS-PPS (PPS-QMIX, arXiv 2403.02635): the average weighted by each agent's return in the round.

    theta = sum_i w_i theta_i,    w_i = R_i / sum_j R_j

R_i (strategy.reward):
  individual  agent i's individual return: damage, kills and healing credited to it
  team        the team return, equal for all agents, so that RS-PPS is A-PPS
  policy      the return when the whole team plays agent i's network; w = softmax(R), as in the authors' code

Where a return is negative, or none is positive, R_i / sum R are not shares: such a round's weights are 1/N. softmax(R)
is defined for returns of any sign.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from flwr.app import ArrayRecord

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.world import Purpose
from fedqmix.strategies.aggregation import array_bytes
from fedqmix.strategies.known import played, policy
from fedqmix.strategies.options import RewardShareSettings
from fedqmix.strategies.questions import ask, question
from fedqmix.strategies.team import TeamStrategy
from fedqmix.strategies.weights import are_finite, are_shares, proportional, softmax

log = logging.getLogger(__name__)


class RewardSharePPS(TeamStrategy):
    """The weighted average in which a higher return gives a larger weight."""

    settings: RewardShareSettings
    _warned = False  # of rewards that are not shares: once a run, as in some worlds every return is negative

    def weights(self, rewards: Sequence[float]) -> list[float]:
        """Return R_i / sum R, or softmax(R) for policy returns; at most max_weight each.

        Returns 1/N each for rewards that define no weights (strategies.weights); the first time, a warning is logged.
        """
        by_softmax = self.settings.reward == "policy"
        if not self._warned and not (are_finite(rewards) if by_softmax else are_shares(rewards)):
            self._warned = True
            reason = "are not all finite" if by_softmax else "cannot be shares, as one is negative or none is positive"
            rounds = "in this round, and in each later one with such rewards"
            log.warning("rewards %s %s: weights are uniform %s", list(rewards), reason, rounds)
        weigh = softmax if by_softmax else proportional
        return weigh(rewards, self.settings.max_weight)

    def rewards(self, individual_returns: Sequence[float], contents: Sequence[ArrayRecord]) -> list[float]:
        """Return R_i as strategy.reward selects it: [agents]."""
        if self.settings.reward == "policy":
            return [self._policy_return(agent, arrays) for agent, arrays in enumerate(contents)]
        own = super().rewards(individual_returns, contents)
        return [math.fsum(sorted(own))] * len(own) if self.settings.reward == "team" else own

    def _policy_return(self, agent: int, arrays: ArrayRecord) -> float:
        """Evaluate one agent's shared parameters in all agents; return the mean team return.

        The team return is the sum of the individual returns, the only ones that a strategy sees.
        """
        episode = ((self.record.number - 1) * self.n_agents + agent) * self.settings.policy_episodes
        plan = {
            m.ROUND: self.record.number,
            m.INDEX: agent,
            m.FIRST_EPISODE: episode,
            m.EPISODES: self.settings.policy_episodes,
        }
        round_ = self.record.number
        questions = [question(node, m.POLICY, round_, arrays, plan) for node in self.nodes]
        self.record.bytes_down += array_bytes(arrays) * len(self.nodes)
        replies = self._by_agent(ask(self._grid, questions))
        (counted,) = played(self.facts(), [Purpose.POLICY])
        self.env_step += counted.env_steps  # these environment steps count like training's
        self.record.env_step = self.env_step
        self.record.broken += counted.broken
        self._compare(replies, policy(counted, self.env_step))
        return math.fsum(counted.individual_returns) / self.settings.policy_episodes
