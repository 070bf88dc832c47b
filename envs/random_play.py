"""Random play of a world, with copies of everything that it returns: for contract tests and as a baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from fedqmix.runtime.core.world import Bools, EpisodeBatch, Integers, Purpose, TeamTimeStep, TimeStep, World

Step = TypeVar("Step", TimeStep, TeamTimeStep)


class KeepingSink:
    """A TeamSink that keeps copies of all time steps of the last batch."""

    def __init__(self) -> None:
        self.time_steps: list[TeamTimeStep] = []

    def begin(self, batch: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Keep the first time step of a batch, and no earlier one."""
        self.time_steps = [copied(time_step)]

    def record(self, time_step: TeamTimeStep) -> None:
        """Keep a time step."""
        self.time_steps.append(copied(time_step))


class RandomPlayer:
    """A player that draws uniformly among the available actions.

    What it takes in an episode's n-th environment step depends on the seed, the episode's number and n alone.
    """

    def __init__(self, seed: int, first: int, count: int) -> None:
        """first, count: the episodes' numbers, as in EpisodeBatch."""
        self.random = [np.random.default_rng([seed, first + b]) for b in range(count)]

    def __call__(self, time_step: TimeStep) -> Integers:
        """Return the actions, [agents, episodes]; 0 in ended episodes."""
        agents = time_step.available_actions.shape[0]
        draws = np.stack([random.random(agents) for random in self.random], axis=1)
        counts = time_step.available_actions.sum(-1)
        nth = np.minimum((draws * counts).astype(np.int64), counts - 1)
        chosen: Integers = (time_step.available_actions.cumsum(-1) > nth[..., None]).argmax(-1)
        chosen[:, over(time_step)] = 0
        return chosen


def copied(time_step: Step) -> Step:
    """Return a time step whose arrays no world overwrites."""
    return type(time_step)._make(array.copy() for array in time_step)


def over(time_step: TimeStep | TeamTimeStep) -> Bools:
    """Return which episodes have ended: [episodes]."""
    return time_step.terminated | time_step.truncated


def training(first: int, count: int) -> EpisodeBatch:
    """Return a batch of training episodes."""
    return EpisodeBatch(Purpose.TRAINING, first, count)


def play(world: World, batch: EpisodeBatch, choose: Callable[[TimeStep], Integers]) -> list[TimeStep]:
    """Play a batch to its end; return copies of all time steps."""
    time_steps = [copied(world.begin(batch))]
    while not over(time_steps[-1]).all():
        time_steps.append(copied(world.step(choose(time_steps[-1]))))
    return time_steps
