"""The private episode buffer: what the agents saw and did, which never leaves them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fedqmix.runtime.core.episodes import PackedEpisodes, SampledEpisodes
from fedqmix.runtime.core.timeline import Timeline, timeline
from fedqmix.runtime.core.world import Bools, Floats, Integers, TeamSpec
from fedqmix.runtime.storage.ring import EpisodeRing, Field


class PlayedEpisodes(NamedTuple):
    """A batch of battles as the agents lived through it; rows behind an episode's end mean nothing.

    The last moment of an episode (index `lengths`) holds what was seen after the last action.
    """

    observations: Floats  # [agents, time + 1, battles, obs_dim]
    available_actions: Bools  # [agents, time + 1, battles, n_actions]
    actions: Integers  # [agents, time + 1, battles]
    lengths: Integers  # [battles], environment steps of each battle
    individual_returns: NDArray[np.float64]  # [agents, battles], individual rewards summed over all steps
    won: Bools  # [battles]

    def only(self, battles: Bools) -> PlayedEpisodes:
        """Return the episodes of some battles. battles: [battles]."""
        columns = self.observations[:, :, battles], self.available_actions[:, :, battles], self.actions[:, :, battles]
        return PlayedEpisodes(*columns, self.lengths[battles], self.individual_returns[:, battles], self.won[battles])


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


def add_episodes(ring: EpisodeRing, played: PlayedEpisodes) -> None:
    """Store a batch of battles; the oldest episodes make room."""
    columns = {
        "observations": torch.from_numpy(played.observations),
        "available_actions": torch.from_numpy(played.available_actions),
        "actions": torch.from_numpy(played.actions),
    }
    ring.add(columns, played.lengths)


def sample_episodes(ring: EpisodeRing, slots: Integers) -> SampledEpisodes:
    """Find the episodes in the given slots.

    slots: [batch] int64, longest episode first. Raises SlotError when a slot holds no finished episode.
    """
    order = timeline(ring.lengths(slots))
    columns = ring.columns
    return SampledEpisodes(
        order,
        ring.rows(slots, order),
        columns["observations"],
        columns["available_actions"],
        columns["actions"],
    )


def pack(episodes: SampledEpisodes, order: Timeline) -> PackedEpisodes:
    """Copy the episodes together.

    order: the episodes' own timeline or a wider one, where what lies behind an episode's end is its last moment again.
    """
    own, device = episodes.timeline, episodes.actions.device
    filled = own.filled(order)
    rows = torch.from_numpy(episodes.rows[filled]).to(device)
    actions = episodes.actions[:, torch.from_numpy(episodes.rows[own.taken]).to(device)]
    # The moment after transition k is moment batch + k, so the last actions are the taken actions, shifted.
    none_yet = actions.new_full((actions.shape[0], own.batch), -1)
    transition = np.zeros(own.moments, np.int64)  # of each moment's action; of last moments any: no loss counts it
    transition[own.taken] = np.arange(own.transitions)
    return PackedEpisodes(
        observations=episodes.observations.index_select(1, rows),
        last_actions=torch.cat([none_yet, actions], dim=1).index_select(1, torch.from_numpy(filled).to(device)),
        available_actions=episodes.available_actions.index_select(1, rows),
        actions=actions.index_select(1, torch.from_numpy(transition[filled[order.taken]]).to(device)),
    )


def empty_columns(agents: int, battles: int, spec: TeamSpec) -> tuple[Floats, Bools, Integers]:
    """Return room for the observations, available actions and actions of a batch of battles."""
    moments = spec.episode_limit + 1
    return (
        np.zeros((agents, moments, battles, spec.obs_dim), np.float32),
        np.zeros((agents, moments, battles, spec.n_actions), np.bool_),
        np.zeros((agents, moments, battles), np.int64),
    )
