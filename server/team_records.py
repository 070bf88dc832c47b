"""The team's records of episodes: global states and team rewards, which agents never receive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.errors import DivergenceError
from fedqmix.runtime.core.existence import entries
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Integers, Purpose, TeamSpec, TeamTimeStep
from fedqmix.runtime.storage.ring import EpisodeRing, Field


@dataclass(frozen=True)
class EpisodeResults:
    """The results of a batch of episodes."""

    returns: Floats  # [episodes], team rewards summed
    lengths: Integers  # [episodes], environment steps
    won: np.ndarray  # [episodes] bool


class TeamRecords:
    """The mixer's side of the episode buffer; a TeamSink.

    Training episodes are stored in the same slots as the agents' private episodes, and their results are summed.
    Of other episodes, only the results are kept, until the next series of the same purpose begins.
    Episodes whose game broke down are left out; the agents play them again.
    """

    def __init__(self, spec: TeamSpec, capacity: int, device: torch.device) -> None:
        self.spec = spec
        self.ring = EpisodeRing(
            capacity,
            spec.episode_limit,
            {
                "state": Field((), (spec.state_dim,), torch.float32),
                "team_reward": Field((), (), torch.float32),
                "terminated": Field((), (), torch.bool),
            },
            device,
            spec.n_agents,
        )
        self.sums = torch.zeros(
            4, dtype=torch.float64
        )  # over training episodes since the last report: see training_means
        self._largest_reward: float | None = 0.0  # None: computed from the stored episodes on first use
        self._ended: dict[Purpose, dict[int, tuple[float, int, bool]]] = {}  # by episode: return, length, won
        self._again: set[int] = set()  # episodes of the current series whose game broke down
        self._batch = EpisodeBatch(Purpose.TRAINING, 0, 0)
        self._time = 0

    @property
    def largest_reward(self) -> float:
        """The largest |team reward| of an environment step in training; 0 before the first."""
        if self._largest_reward is None:
            self._largest_reward = self._largest_stored_reward()
        return self._largest_reward

    @largest_reward.setter
    def largest_reward(self, value: float | None) -> None:
        """Set the value from a checkpoint; None: compute it from the episodes stored at its first use."""
        self._largest_reward = value

    def begin(self, batch: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Begin a new batch of episodes with its first state; an unfinished batch is discarded."""
        moments = self.spec.episode_limit + 1
        self._batch, self._time = batch, 0
        begins = batch.series in (None, batch.first) and batch.first not in self._again
        if begins and batch.purpose is not Purpose.TRAINING:
            self._ended[batch.purpose] = {}
        self._states = np.zeros((moments, batch.count, self.spec.state_dim), np.float32)
        self._rewards = np.zeros((moments, batch.count), np.float32)
        self._terminated = np.zeros((moments, batch.count), np.bool_)
        self._lengths = np.zeros(batch.count, np.int64)
        self._running = np.ones(batch.count, np.bool_)
        self._states[0] = time_step.state
        self._exists = time_step.exists.copy()

    def record(self, time_step: TeamTimeStep) -> None:
        """Record one environment step of every episode.

        When all have ended, a training batch is stored, and of other batches the results are kept.
        Raises DivergenceError when a reward or a state is not finite.
        """
        for name, value in (("team reward", time_step.team_reward), ("global state", time_step.state)):
            if not np.isfinite(value).all():
                episode = self._batch.first + int(np.argwhere(~np.isfinite(value))[0][0])
                place = f"the {name} of {self._batch.purpose} episode {episode}"
                raise DivergenceError(place, f"environment step {self._time + 1} of that episode")
        self._rewards[self._time] = time_step.team_reward
        self._terminated[self._time] = time_step.terminated
        self._time += 1
        self._states[self._time] = time_step.state
        self._lengths += self._running
        self._running &= ~(time_step.terminated | time_step.truncated)
        if not self._running.any():
            self._finish(time_step)

    def sample(self, slots: Integers) -> TeamTransitions:
        """Return the transitions of the episodes in the given slots.

        slots: [batch] int64, longest episode first. Raises SlotError when a slot holds no finished episode.
        """
        order = timeline(self.ring.lengths(slots))
        rows = self.ring.rows(slots, order)
        taken, columns = rows[order.taken], self.ring.columns
        places = torch.from_numpy(taken).to(columns["state"].device)
        rewards, terminated = columns["team_reward"][places], columns["terminated"][places]
        not_terminated = (~terminated).to(rewards.dtype)
        exists = self.ring.exists(slots)
        here = None if exists is None else entries(torch.from_numpy(exists).to(rewards.device), order, "transition")
        return TeamTransitions(columns["state"], taken, rows[order.batch :], rewards, not_terminated, order, here)

    def results(self, purpose: Purpose) -> EpisodeResults | None:
        """Return the last series' results by episode number; None before the first has ended."""
        ended = self._ended.get(purpose)
        if not ended:
            return None
        returns, lengths, won = zip(*(ended[episode] for episode in sorted(ended)), strict=True)
        return EpisodeResults(np.array(returns, np.float32), np.array(lengths, np.int64), np.array(won, np.bool_))

    def training_means(self) -> dict[str, float]:
        """Return means over the training episodes since `sums` were zero; empty when there were none.

        battle_won_mean: share of episodes won, 0..1; return_mean: team return; ep_length_mean: environment steps.
        """
        episodes, *sums = self.sums.tolist()
        names = ("battle_won_mean", "return_mean", "ep_length_mean")
        return {name: value / episodes for name, value in zip(names, sums, strict=True)} if episodes else {}

    def _finish(self, time_step: TeamTimeStep) -> None:
        whole = np.flatnonzero(~time_step.broken)
        episodes = self._batch.first + np.arange(self._batch.count)
        self._again.difference_update(episodes.tolist())
        self._again.update(episodes[time_step.broken].tolist())
        returns = self._rewards.sum(0)
        if self._batch.purpose is not Purpose.TRAINING:
            rows = zip(
                returns[whole].tolist(), self._lengths[whole].tolist(), time_step.won[whole].tolist(), strict=True
            )
            self._ended[self._batch.purpose] |= dict(zip(episodes[whole].tolist(), rows, strict=True))
        elif whole.size:
            self._store(whole)
            self._largest_reward = max(self.largest_reward, float(np.abs(self._rewards[:, whole]).max()))
            counted = (np.ones(whole.size), time_step.won[whole], returns[whole], self._lengths[whole])
            self.sums += torch.tensor([float(column.sum(dtype=np.float64)) for column in counted], dtype=torch.float64)

    def _store(self, selected: Integers) -> None:
        moments = slice(0, self._time + 1)
        columns = {"state": self._states, "team_reward": self._rewards, "terminated": self._terminated}
        kept = {name: torch.from_numpy(column[moments][:, selected]) for name, column in columns.items()}
        self.ring.add(kept, self._lengths[selected], self._exists[:, selected])

    def _largest_stored_reward(self) -> float:
        slots = np.arange(self.ring.filled)
        if not slots.size:
            return 0.0
        longest_first = np.argsort(-self.ring.lengths(slots), kind="stable")
        return float(self.sample(slots[longest_first]).rewards.abs().max())
