"""Hand-written policies of blind-particle spread, between which the returns of learners lie.

random      any action with equal probability
still       action 0
centre      go to the mean of the landmarks, about the best without knowing one's own landmark
greedy      go to one's own landmark; each action as if the agent were at rest
lookahead   go to one's own landmark; each action by the distances after the next three, with the velocity

All but random and still know each agent's group, or the order of shuffled observations, which no observation says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fedqmix.envs.bps.layout import N_ACTIONS, OWN, observation_order
from fedqmix.envs.bps.rules import DOWN, KEPT, LEFT, PUSH, RIGHT, TIME_STEP, UP
from fedqmix.envs.bps.tasks import Task
from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Floats64, Integers

AHEAD = 3  # actions that lookahead tries together

PUSHES = np.zeros((N_ACTIONS, 2))
"""Each action's change of the velocity."""
PUSHES[[LEFT, RIGHT], 0] = -PUSH, PUSH
PUSHES[[DOWN, UP], 1] = -PUSH, PUSH


class Moment(NamedTuple):
    """The agents' situation, read from their observations."""

    velocities: Floats64  # [agents, episodes, 2]
    to_landmarks: Floats64  # [agents, episodes, groups, 2]
    to_own: Floats64  # [agents, episodes, 2], to the landmark of the agent's group


def still(moment: Moment) -> Integers:
    """Do nothing: [agents, episodes]."""
    return np.zeros(moment.to_own.shape[:2], np.int64)


def centre(moment: Moment) -> Integers:
    """Go to the mean of the landmarks: [agents, episodes]."""
    return push_towards(moment.to_landmarks.mean(2))


def greedy(moment: Moment) -> Integers:
    """Go to the agent's own landmark: [agents, episodes]."""
    return push_towards(moment.to_own)


def lookahead(moment: Moment) -> Integers:
    """Take the first of the AHEAD actions with the smallest sum of distances: [agents, episodes]."""
    return approach(moment.velocities, moment.to_own, AHEAD)


POLICIES: dict[str, Callable[[Moment], Integers] | None] = {
    "random": None,
    "still": still,
    "centre": centre,
    "greedy": greedy,
    "lookahead": lookahead,
}
"""The policies by name; random ones look at nothing."""


def push_towards(to_goal: Floats64) -> Integers:
    """Return the action whose push alone leads nearest to a goal, whatever the velocity; of equal ones the lowest.

    to_goal: [agents, episodes, 2]. An agent that plays it overshoots, and turns back.
    """
    left = np.stack([to_goal - TIME_STEP * push for push in PUSHES])
    actions: Integers = (left**2).sum(-1).argmin(0)
    return actions


def approach(velocities: Floats64, to_goal: Floats64, ahead: int) -> Integers:
    """Return the first of `ahead` actions with the smallest sum of distances to a goal; of equal ones the lowest.

    velocities, to_goal: [agents, episodes, 2].
    """
    actions: Integers = np.stack([_cost(velocities, to_goal, push, ahead) for push in PUSHES]).argmin(0)
    return actions


def _cost(velocities: Floats64, to_goal: Floats64, push: Floats64, ahead: int) -> Floats64:
    """Return the smallest sum of distances over `ahead` actions that begin with a push: [agents, episodes]."""
    velocities = KEPT * velocities + push
    to_goal = to_goal - TIME_STEP * velocities
    cost: Floats64 = np.sqrt((to_goal**2).sum(-1))
    if ahead > 1:
        cost += np.stack([_cost(velocities, to_goal, another, ahead - 1) for another in PUSHES]).min(0)
    return cost


class SpreadTeam:
    """A team that plays one policy. What it does in an episode depends on the seed and the episode alone."""

    def __init__(self, policy: str, task: Task, seed: int) -> None:
        """policy: one of POLICIES. seed: of random actions."""
        self._policy, self._name, self._seed = POLICIES[policy], policy, seed
        self._groups = np.array(task.groups)
        self._places = np.argsort(observation_order(task), axis=1)
        self._draws: list[np.random.Generator] = []

    def begin(self, batch: EpisodeBatch) -> None:
        """Begin a batch of episodes."""
        role = f"bps policy {self._name} {batch.purpose.value}"
        self._draws = [generator(self._seed, role, batch.first + e) for e in range(batch.count)]

    def choose(self, observations: Floats) -> Integers:
        """Choose the actions, [agents, episodes]. observations: [agents, episodes, obs_dim]."""
        if self._policy is None:
            return np.stack([draws.integers(N_ACTIONS, size=len(observations)) for draws in self._draws], axis=1)
        return self._policy(self._read(observations))

    def _read(self, observations: Floats) -> Moment:
        places = self._places[self._groups][:, None]  # [agents, 1, obs_dim]
        plain = np.take_along_axis(observations, places, axis=2).astype(np.float64)
        to_landmarks = plain[..., len(OWN) :].reshape(*plain.shape[:2], -1, 2)
        to_own = to_landmarks[np.arange(len(plain)), :, self._groups]
        return Moment(plain[..., :2], to_landmarks, to_own)
