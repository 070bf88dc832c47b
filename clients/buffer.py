"""The private episode buffer: what the agents saw and did, which never leaves them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from contracts.timeline import Timeline, timeline
from contracts.world import Bools, Floats, Integers, TeamSpec
from storage.ring import EpisodeRing, Field


class PlayedEpisodes(NamedTuple):
    """A batch of battles as the agents lived through it; rows behind an episode's end mean nothing.

    The last moment of an episode (index `lengths`) holds what was seen after the last action.
    """

    observations: Floats  # [agents, time + 1, battles, obs_dim]
    available_actions: Bools  # [agents, time + 1, battles, n_actions]
    actions: Integers  # [agents, time + 1, battles]
    lengths: Integers  # [battles], environment steps of each battle
    earned: NDArray[np.float64]  # [agents], individual rewards summed over all battles and steps
    won: Bools  # [battles]


class EpisodeBatch(NamedTuple):
    """Episodes drawn to learn from, packed in the timeline's order."""

    timeline: Timeline
    observations: torch.Tensor  # [agents, moments, obs_dim] float32
    last_actions: torch.Tensor  # [agents, moments] int64, -1 at an episode's beginning
    available_actions: torch.Tensor  # [agents, moments, n_actions] bool
    actions: torch.Tensor  # [agents, transitions] int64


def private_ring(agents: int, capacity: int, spec: TeamSpec, device: torch.device) -> EpisodeRing:
    """Make the store of a stack's private episodes: capacity episodes of up to spec.episode_limit steps."""
    return EpisodeRing(
        capacity,
        spec.episode_limit,
        {
            "observations": Field((agents,), (spec.obs_dim,), torch.float32),
            "available_actions": Field((agents,), (spec.n_actions,), torch.bool),
            "actions": Field((agents,), (), torch.int64),
        },
        device,
    )


def remember(ring: EpisodeRing, played: PlayedEpisodes) -> None:
    """Store a batch of battles; the oldest episodes make room."""
    columns = {
        "observations": torch.from_numpy(played.observations),
        "available_actions": torch.from_numpy(played.available_actions),
        "actions": torch.from_numpy(played.actions),
    }
    ring.add(columns, played.lengths)


def recall(ring: EpisodeRing, slots: Integers) -> EpisodeBatch:
    """Gather the episodes in the given slots.

    slots: [batch] int64, longest episode first. Raises SlotError when a slot holds no finished episode.
    """
    order = timeline(ring.lengths(slots))
    drawn = ring.draw(slots, order)
    taken = torch.from_numpy(order.taken).to(drawn["actions"].device)
    actions = drawn["actions"][:, taken]
    # The moment after transition k is moment batch + k, so the last actions are the taken actions, shifted.
    none_yet = actions.new_full((actions.shape[0], order.batch), -1)
    return EpisodeBatch(
        timeline=order,
        observations=drawn["observations"],
        last_actions=torch.cat([none_yet, actions], dim=1),
        available_actions=drawn["available_actions"],
        actions=actions,
    )


def empty_columns(agents: int, battles: int, spec: TeamSpec) -> tuple[Floats, Bools, Integers]:
    """Return room for the observations, available actions and actions of a batch of battles."""
    moments = spec.episode_limit + 1
    return (
        np.zeros((agents, moments, battles, spec.obs_dim), np.float32),
        np.zeros((agents, moments, battles, spec.n_actions), np.bool_),
        np.zeros((agents, moments, battles), np.int64),
    )
