"""The episodes and transitions of a training step: in the buffer, or packed in a timeline's order."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch

from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import Bools, Integers

NOTHING_RECORDED: Mapping[str, torch.Tensor] = MappingProxyType({})


class StepDraws(NamedTuple):
    """The key of a training step's random draws, the same on both sides of the cut; beside it, what a draw is for."""

    seed: int  # the run's
    train_steps: int  # taken before this one


class SampledEpisodes(NamedTuple):
    """Sampled private episodes, as rows of the buffer."""

    timeline: Timeline
    rows: Integers  # [moments], the buffer's row of each moment in the timeline's order
    observations: torch.Tensor  # [agents, buffer rows, obs_dim] float32
    available_actions: torch.Tensor  # [agents, buffer rows, n_actions] bool
    actions: torch.Tensor  # [agents, buffer rows] int64
    recorded: Mapping[str, torch.Tensor] = NOTHING_RECORDED  # [agents, buffer rows] each, Algorithm.recorded
    draws: StepDraws | None = None  # of the training step that sampled them
    exists: Bools | None = None  # [agents, batch], in the timeline's order of episodes; None: all exist

    def of_agent(self, position: int) -> SampledEpisodes:
        """Return the same episodes of one agent of the stack, as a stack of one."""
        own = slice(position, position + 1)
        return self._replace(
            observations=self.observations[own],
            available_actions=self.available_actions[own],
            actions=self.actions[own],
            recorded={name: column[own] for name, column in self.recorded.items()},
            exists=None if self.exists is None else self.exists[own],
        )


class PackedEpisodes(NamedTuple):
    """Private episodes, copied in the order of a timeline of the same or greater lengths.

    The entries after an episode's end repeat its last moment.
    """

    observations: torch.Tensor  # [agents, moments, obs_dim] float32
    last_actions: torch.Tensor  # [agents, moments] int64, -1 at an episode's beginning
    available_actions: torch.Tensor  # [agents, moments, n_actions] bool
    actions: torch.Tensor  # [agents, transitions] int64
    recorded: Mapping[str, torch.Tensor] = NOTHING_RECORDED  # [agents, transitions] each, Algorithm.recorded
    draws: tuple[StepDraws, ...] = ()  # of each run whose agents are in the stack, in their order
    exists: torch.Tensor | None = None  # [agents, batch] bool, in the order of episodes; None: all exist


class TeamTransitions(NamedTuple):
    """The transitions of the team's side in a training step, as rows of its buffer."""

    states: torch.Tensor  # [buffer rows, state_dim] float32
    rows: Integers  # [transitions], the buffer's row of each transition's state, in the timeline's order
    next_rows: Integers  # [transitions], the buffer's row of the state after each transition
    rewards: torch.Tensor  # [transitions], team rewards; individual ones [agents, transitions] (algorithms.individual)
    not_terminated: torch.Tensor  # [transitions], 0 where the transition terminated its episode, else 1
    timeline: Timeline  # the order of the transitions
    exists: torch.Tensor | None = None  # [agents, transitions] bool, the agents of each episode; None: all exist
    draws: StepDraws | None = None  # of this training step; None for an algorithm that agents compute alone
