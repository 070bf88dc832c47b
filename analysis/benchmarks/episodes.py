"""Training episodes for benchmarks: random ones in a map's shapes, or a run's stored ones.

A source draws episodes, which fill a learner's buffers. Another project's learner reads them from a file, so that all
learners train on the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import Integers, TeamSpec
from fedqmix.runtime.runs.lifecycle.sides import AgentSide, MixerSide
from fedqmix.runtime.storage.reading import load as load_checkpoint
from fedqmix.runtime.storage.reading import locate
from fedqmix.runtime.storage.ring import EpisodeRing
from fedqmix.server.team_records import TeamRecords

LENGTHS = ("mixed", "full")


@dataclass(frozen=True)
class Episodes:
    """Padded episodes in the buffers' layout; moments after an episode's end are undefined.

    private: observations, available_actions and actions, [agents, time + 1, episodes, ...]; team: state, team_reward
    and terminated, [time + 1, episodes, ...]; lengths: [episodes], environment steps.
    """

    private: dict[str, torch.Tensor]
    team: dict[str, torch.Tensor]
    lengths: Integers

    def fill(self, agents: AgentStack, records: TeamRecords) -> None:
        """Add the episodes to the buffers of agents and mixer: episode e gets slot e."""
        agents.ring.add(self.private, self.lengths)
        records.ring.add(self.team, self.lengths)
        records.largest_reward = None  # computed anew from these episodes

    def save(self, file: Path) -> None:
        """Write the episodes as NumPy arrays (.npz), episode axis first, for other programs.

        observations [episodes, time + 1, agents, obs_dim] float32, available_actions [episodes, time + 1, agents,
        n_actions] bool, actions [episodes, time + 1, agents] int64, state [episodes, time + 1, state_dim] float32,
        team_reward and terminated [episodes, time + 1], lengths [episodes].
        """
        arrays: dict[str, Any] = {"lengths": self.lengths}
        arrays |= {name: column.transpose(0, 2).contiguous().numpy() for name, column in self.private.items()}
        arrays |= {name: column.transpose(0, 1).contiguous().numpy() for name, column in self.team.items()}
        np.savez(file, **arrays)


class EpisodeSource(Protocol):
    """A source of episodes. name: for the report; spec: the team's sizes."""

    name: str
    spec: TeamSpec

    def draw(self, episodes: int) -> Episodes:
        """Return this number of episodes. Raises CheckpointError when the source has fewer."""
        ...


class RandomEpisodes:
    """A source of random numbers in the shapes of a map's episodes.

    steps: largest length in environment steps; None for the map's limit. lengths: "full" (all have this length) or
    "mixed" (uniform from a third of it to all of it, as in training; a shorter episode ends terminated).
    Raises ConfigurationError when steps exceeds the map's limit.
    """

    def __init__(self, map: str, config: Config, lengths: str, steps: int | None) -> None:
        self.name, self.spec, self.mixed = map, team_spec(map, config.env), lengths == "mixed"
        limit = self.spec.episode_limit
        self.steps = limit if steps is None else steps
        if self.steps > limit:
            raise ConfigurationError(f"steps={steps}: an episode of {map} has {limit} environment steps at most.")

    def draw(self, episodes: int) -> Episodes:
        """Return this number of episodes, equal in every call."""
        spec, steps, random = self.spec, self.steps, np.random.default_rng(0)
        shortest = max(1, steps // 3) if self.mixed else steps
        lengths = random.integers(shortest, steps + 1, episodes)

        def floats(*shape: int) -> torch.Tensor:
            return torch.from_numpy(random.random(shape, dtype=np.float32))

        actions = random.integers(0, spec.n_actions, (spec.n_agents, steps + 1, episodes))
        available = random.random((spec.n_agents, steps + 1, episodes, spec.n_actions), dtype=np.float32) < 0.5
        np.put_along_axis(available, actions[..., None], True, axis=-1)  # the chosen action is available
        terminated = np.arange(steps + 1)[:, None] == np.where(lengths < steps, lengths - 1, -1)
        private = {
            "observations": floats(spec.n_agents, steps + 1, episodes, spec.obs_dim),
            "available_actions": torch.from_numpy(available),
            "actions": torch.from_numpy(actions),
        }
        team = {
            "state": floats(steps + 1, episodes, spec.state_dim),
            "team_reward": floats(steps + 1, episodes),
            "terminated": torch.from_numpy(terminated),
        }
        return Episodes(private, team, lengths)


class StoredEpisodes:
    """A source of the episodes in a run's newest checkpoint, private ones and the team's.

    run: its folder. Raises ConfigurationError when it is not a run folder, CheckpointError when its checkpoint is
    missing, damaged, or without episodes (the agents of a deployment keep theirs).
    """

    def __init__(self, run: Path) -> None:
        config = load(run)
        self.name, self.spec = config.map, team_spec(config.map, config.env)
        config.runtime.device = "cpu"
        checkpoint = load_checkpoint(locate(run))
        sides = AgentSide(config, self.spec, range(self.spec.n_agents)), MixerSide(config, self.spec)
        rings = [side.rings for side in sides]
        wanted = {name for one in rings for name in one}
        if not wanted <= checkpoint.rings.keys():
            raise CheckpointError(
                f"{checkpoint.path} holds no training episodes: a federation's agents keep them. "
                "Name a run that was trained in one process."
            )
        checkpoint.fill(rings[0] | rings[1])
        (self._private,), (self._team,) = rings[0].values(), rings[1].values()
        self._path = checkpoint.path

    def draw(self, episodes: int) -> Episodes:
        """Return this number of distinct stored episodes, equal in every call, longest first."""
        stored = self._private.filled
        if stored < episodes:
            raise CheckpointError(
                f"{self._path} holds {stored} episodes; {episodes} are needed, two batches. Choose a smaller batch."
            )
        slots = np.random.default_rng(0).choice(stored, episodes, replace=False).astype(np.int64)
        slots = slots[np.argsort(-self._private.lengths(slots), kind="stable")]
        return Episodes(_padded(self._private, slots), _padded(self._team, slots), self._private.lengths(slots))


def random_episodes(
    config: Config, maps: Sequence[str], lengths: str, steps: Sequence[int] | None
) -> list[EpisodeSource]:
    """Return a source of random episodes for every map.

    steps: environment steps of an episode, one per map or one for all; None for each map's limit.
    Raises ConfigurationError when the number of steps does not match the maps.
    """
    if steps is None:
        each: list[int | None] = [None] * len(maps)
    elif len(steps) in (1, len(maps)):
        each = [*steps] * (len(maps) if len(steps) == 1 else 1)
    else:
        raise ConfigurationError(
            f"steps= names {len(steps)} lengths for {len(maps)} maps ({', '.join(maps)}): set one for each, or one "
            "for all."
        )
    return [RandomEpisodes(map, config, lengths, steps) for map, steps in zip(maps, each, strict=True)]


def _padded(ring: EpisodeRing, slots: Integers) -> dict[str, torch.Tensor]:
    """Return every field's [*lead, longest + 1, episodes, *trailing], padded with zeros.

    slots: longest first.
    """
    order = timeline(ring.lengths(slots))
    rows = torch.from_numpy(order.moment_time * order.batch + order.moment_episode)
    padded = {}
    for name, packed in ring.draw(slots, order).items():
        field = ring.fields[name]
        shape = (*field.lead, len(order.counts), order.batch, *field.trailing)
        column = torch.zeros(shape, dtype=field.dtype)
        axis = len(field.lead)
        column.flatten(axis, axis + 1).index_copy_(axis, rows, packed)
        padded[name] = column
    return padded
