"""The private episode buffer: the agents' observations and actions, which never leave their process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fedqmix.algorithms.base import COLUMNS
from fedqmix.runtime.core.episodes import PackedEpisodes, SampledEpisodes, StepDraws
from fedqmix.runtime.core.timeline import Timeline, timeline
from fedqmix.runtime.core.world import Bools, Floats, Integers, TeamSpec
from fedqmix.runtime.storage.ring import EpisodeRing, Field

NOTHING_RECORDED: Mapping[str, Floats | Bools] = MappingProxyType({})


class PlayedEpisodes(NamedTuple):
    """The agents' side of a batch of episodes; rows after an episode's end are undefined.

    The last moment of an episode (index `lengths`) holds the observation after its last action.
    """

    observations: Floats  # [agents, time + 1, episodes, obs_dim]
    available_actions: Bools  # [agents, time + 1, episodes, n_actions]
    actions: Integers  # [agents, time + 1, episodes]
    lengths: Integers  # [episodes], environment steps of each episode
    individual_returns: NDArray[np.float64]  # [agents, episodes], individual rewards summed over environment steps
    won: Bools  # [episodes]
    recorded: Mapping[str, Floats | Bools] = NOTHING_RECORDED  # [agents, time + 1, episodes] each, Algorithm.recorded
    exists: Bools | None = None  # [agents, episodes], the agents of each episode; None: all exist

    @property
    def played(self) -> Integers:
        """The episodes in which each agent existed: [agents]."""
        agents, episodes = self.individual_returns.shape
        counts: Integers = np.full(agents, episodes) if self.exists is None else self.exists.sum(1)
        return counts

    def only(self, selected: Bools) -> PlayedEpisodes:
        """Return the selected episodes. selected: [episodes], True for each to keep."""
        columns = (
            self.observations[:, :, selected],
            self.available_actions[:, :, selected],
            self.actions[:, :, selected],
        )
        results = self.lengths[selected], self.individual_returns[:, selected], self.won[selected]
        recorded = {name: column[:, :, selected] for name, column in self.recorded.items()}
        exists = None if self.exists is None else self.exists[:, selected]
        return PlayedEpisodes(*columns, *results, recorded, exists)


def private_ring(
    agents: int, capacity: int, spec: TeamSpec, device: torch.device, recorded: Sequence[str] = ()
) -> EpisodeRing:
    """Return an empty buffer of a stack's private episodes.

    capacity: episodes held, each of up to spec.episode_limit environment steps. recorded: Algorithm.recorded.
    """
    return EpisodeRing(
        capacity,
        spec.episode_limit,
        {
            "observations": Field((agents,), (spec.obs_dim,), torch.float32),
            "available_actions": Field((agents,), (spec.n_actions,), torch.bool),
            "actions": Field((agents,), (), torch.int64),
        }
        | {name: Field((agents,), (), getattr(torch, COLUMNS[name])) for name in recorded},
        device,
        agents,
    )


def add_episodes(ring: EpisodeRing, played: PlayedEpisodes) -> None:
    """Add a batch of episodes; the oldest ones are overwritten."""
    columns = {
        "observations": torch.from_numpy(played.observations),
        "available_actions": torch.from_numpy(played.available_actions),
        "actions": torch.from_numpy(played.actions),
    } | {name: torch.from_numpy(column) for name, column in played.recorded.items()}
    ring.add(columns, played.lengths, played.exists)


def sample_episodes(ring: EpisodeRing, slots: Integers, draws: StepDraws | None = None) -> SampledEpisodes:
    """Return the episodes in the given slots.

    slots: [batch] int64, longest episode first. draws: of the training step that learns from them.
    Raises SlotError when a slot holds no finished episode.
    """
    order = timeline(ring.lengths(slots))
    columns = dict(ring.columns)
    names = "observations", "available_actions", "actions"
    observations, available, actions = (columns.pop(name) for name in names)
    rows, exists = ring.rows(slots, order), ring.exists(slots)
    return SampledEpisodes(order, rows, observations, available, actions, columns, draws, exists)


def pack(episodes: SampledEpisodes, order: Timeline) -> PackedEpisodes:
    """Copy sampled episodes into the order of a timeline.

    order: the episodes' own timeline or a wider one; there, an episode's last moment repeats after its end.
    """
    own, device = episodes.timeline, episodes.actions.device
    filled = own.filled(order)
    rows = torch.from_numpy(episodes.rows[filled]).to(device)
    taken = torch.from_numpy(episodes.rows[own.taken]).to(device)
    actions = episodes.actions[:, taken]
    # The moment after transition k is moment batch + k, so the last actions are the taken actions, shifted.
    none_yet = actions.new_full((actions.shape[0], own.batch), -1)
    transition = np.zeros(
        own.moments, np.int64
    )  # of each moment's action; arbitrary for last moments, which are in no loss
    transition[own.taken] = np.arange(own.transitions)
    transitions = torch.from_numpy(transition[filled[order.taken]]).to(device)  # of the order's transitions
    return PackedEpisodes(
        observations=episodes.observations.index_select(1, rows),
        last_actions=torch.cat([none_yet, actions], dim=1).index_select(1, torch.from_numpy(filled).to(device)),
        available_actions=episodes.available_actions.index_select(1, rows),
        actions=actions.index_select(1, transitions),
        recorded={name: column[:, taken].index_select(1, transitions) for name, column in episodes.recorded.items()},
        draws=() if episodes.draws is None else (episodes.draws,),
        exists=None if episodes.exists is None else torch.from_numpy(episodes.exists).to(device),
    )


def empty_columns(agents: int, episodes: int, spec: TeamSpec) -> tuple[Floats, Bools, Integers]:
    """Return zeros for a batch of episodes.

    Returns observations [agents, moments, episodes, obs_dim], available actions [agents, moments, episodes, n_actions]
    and actions [agents, moments, episodes].
    """
    moments = spec.episode_limit + 1
    return (
        np.zeros((agents, moments, episodes, spec.obs_dim), np.float32),
        np.zeros((agents, moments, episodes, spec.n_actions), np.bool_),
        np.zeros((agents, moments, episodes), np.int64),
    )
