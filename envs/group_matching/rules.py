"""The rules of group matching, in numpy (Iqbal et al. 2021, arXiv 2006.04222; shariqiqbal2810/REFIL).

Agents stand on a ring of cells and belong to groups, both drawn for every episode. A group is matched when all its
agents are in one cell; an empty one always is. The team earns -0.1 in every environment step, and 2.5 for each group
that becomes matched, which it loses where one comes apart. An episode terminates, and is won, when all are matched.
Actions: 0 left (one cell down, round the ring), 1 stay, 2 right. Each is replaced with a probability by one drawn
uniformly. Every agent's own reward is the team's.

An entity is an agent: [cell (one-hot), group (one-hot), number (one-hot)]. All agents see all entities: an agent's
own row comes first, then the others by number. The state has the rows by number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.envs.group_matching.options import GroupMatchingOptions
from fedqmix.envs.own.rules import Entities, Outcome, TeamSpec
from fedqmix.runtime.core.world import Integers, Score

LEFT, STAY, RIGHT = range(3)
TIME_PENALTY = 0.1
MATCH = 2.5


class GroupMatching:
    """The rules for a number of agents, cells and groups (an envs.own.rules.Rules)."""

    def __init__(self, options: GroupMatchingOptions, spec: TeamSpec) -> None:
        self.spec, self._options = spec, options
        agents = np.arange(options.agents)
        others = np.arange(options.agents)[None] - (np.arange(options.agents)[None] <= agents[:, None])
        self._order = np.where(agents[None] == 0, agents[:, None], others)  # [agents, rows], an agent's own row first

    def begin(self, episodes: Sequence[np.random.Generator]) -> Outcome:
        """See Rules."""
        self._draws = episodes
        starts = [draw_start(self._options, draws) for draws in episodes]
        self._cells, self._groups = (np.array(column) for column in zip(*starts, strict=True))  # [episodes, agents]
        self._matched = matched(self._cells, self._groups, self._options.groups)
        return self._outcome(np.zeros(len(episodes)))

    def step(self, actions: Integers) -> Outcome:
        """See Rules."""
        drawn = np.stack([draws.random((2, self._options.agents)) for draws in self._draws])  # [episodes, 2, agents]
        at_random = drawn[:, 0] < self._options.random_action
        taken = np.where(at_random, (3 * drawn[:, 1]).astype(np.int64), actions.T)
        self._cells = (self._cells + taken - STAY) % self._options.cells
        before, self._matched = self._matched, matched(self._cells, self._groups, self._options.groups)
        return self._outcome(MATCH * (self._matched - before) - TIME_PENALTY)

    def _outcome(self, rewards: np.ndarray) -> Outcome:
        options = self._options
        numbers = np.broadcast_to(np.eye(options.agents), (len(self._cells), options.agents, options.agents))
        table = np.concatenate([np.eye(options.cells)[self._cells], np.eye(options.groups)[self._groups], numbers], -1)
        seen = np.moveaxis(table[:, self._order], 1, 0)  # [agents, episodes, rows, features]
        solved = self._matched == options.groups
        return Outcome(
            observations=seen.reshape(*seen.shape[:2], -1),
            state=table.reshape(len(table), -1),
            team_reward=rewards,
            individual_rewards=np.broadcast_to(rewards, (options.agents, len(rewards))),
            terminated=solved,
            won=solved,
        )


def draw_start(options: GroupMatchingOptions, draws: np.random.Generator) -> tuple[Integers, Integers]:
    """Draw the agents' cells and groups: [agents] each.

    Cells are uniform. The shuffled agents are cut into groups at uniform places from 0 to agents - 1.
    """
    shuffled = draws.permutation(options.agents)
    cuts = np.sort(draws.integers(0, options.agents, size=options.groups - 1))
    groups = np.empty(options.agents, np.int64)
    groups[shuffled] = np.searchsorted(cuts, np.arange(options.agents), side="right")
    return draws.integers(0, options.cells, size=options.agents), groups


def matched(cells: Integers, groups: Integers, n_groups: int) -> Integers:
    """Return how many groups are matched: [episodes]. cells, groups: [episodes, agents]."""
    count = np.zeros(len(cells), np.int64)
    for group in range(n_groups):
        own = groups == group
        lowest = np.where(own, cells, np.iinfo(np.int64).max).min(1)
        count += (np.where(own, cells, -1).max(1) == lowest) | ~own.any(1)
    return count


def spec_of(name: str, options: GroupMatchingOptions) -> TeamSpec:
    """Return the sizes and names of the numbers."""
    features = [f"cell_{cell}" for cell in range(options.cells)]
    features += [f"group_{group}" for group in range(options.groups)]
    features += [f"agent_{agent}" for agent in range(options.agents)]
    others = (f"other_{other}" for other in range(options.agents - 1))
    rows = tuple(f"agent_{agent}" for agent in range(options.agents))
    agents = tuple(range(options.agents))
    seen = tuple((agent, *(other for other in agents if other != agent)) for agent in agents)
    return TeamSpec(
        map=name,
        n_agents=options.agents,
        n_actions=3,
        observation=Entities(options.agents, len(features), tuple(features), ("own", *others), (0,), seen),
        state=Entities(options.agents, len(features), tuple(features), rows, agents, (agents,)),
        episode_limit=options.episode_limit,
        score=Score.RETURN,
    )
