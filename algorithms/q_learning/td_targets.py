"""The TD targets of packed episodes: one-step Q-learning, or Peng's lambda-returns.

    Y_t = Q_total' of the greedy actions at moment t                (target networks)
    G_t = r_t                                                       the episode terminated after environment step t
    G_t = r_t + gamma Y_{t+1}                                       t is the last one of a truncated episode
    G_t = r_t + gamma ((1 - lambda) Y_{t+1} + lambda G_{t+1})       otherwise

Peng and Williams 1996, without importance weights as in Hu et al. 2021 (arXiv 2102.03479). lambda 0 is one-step
Q-learning, lambda 1 the discounted return, bootstrapped where an episode was truncated.
"""

from __future__ import annotations

import torch

from fedqmix.runtime.core.timeline import Timeline


def td_targets(
    rewards: torch.Tensor,
    not_terminated: torch.Tensor,
    next_values: torch.Tensor,
    order: Timeline,
    gamma: float,
    td_lambda: float,
) -> torch.Tensor:
    """Return the TD target G of every transition: [outputs, transitions], by torch on any device.

    rewards: [transitions], or [outputs, transitions] where each output has its own. not_terminated: [transitions], 0
    where the episode terminated, else 1.
    next_values: [outputs, transitions], Y of the moment after each transition.
    """
    if td_lambda == 0:
        return rewards + gamma * not_terminated * next_values
    ends = torch.from_numpy(order.ends).to(rewards.device)
    share = torch.full_like(rewards, 1 - td_lambda).index_fill(-1, ends, 1)  # of Y in the next moment's value
    steps = rewards + gamma * not_terminated * share * next_values
    return _discounted_sums(steps, order, gamma * td_lambda)


def _discounted_sums(steps: torch.Tensor, order: Timeline, rate: float) -> torch.Tensor:
    """Return sum_k rate^k x_{t+k} to each episode's end. steps: x [outputs, transitions]. Returns the same shape.

    By doubling: sums of 1, 2, 4, ... terms, so log2(longest episode) operations.
    """
    longest, episodes = int(order.lengths[0]), order.batch
    taken = order.taken
    cells = torch.from_numpy(order.moment_time[taken] * episodes + order.moment_episode[taken]).to(steps.device)
    table = steps.new_zeros(len(steps), longest * episodes)
    table[:, cells] = steps
    sums = table.view(len(steps), longest, episodes)
    terms = 1
    while terms < longest:
        sums = torch.cat([sums[:, :-terms] + rate**terms * sums[:, terms:], sums[:, -terms:]], dim=1)
        terms *= 2
    return sums.reshape(len(steps), -1)[:, cells]
