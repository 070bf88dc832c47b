"""Episodes to learn from in a benchmark: random ones of a map's shape, or those that a run has stored.

Sources are asked for a number of episodes; who learns is filled with them. Another project's learner is given them in a
file, so that it trains on the very same ones.
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
    """Episodes as the two sides' buffers take them; moments behind an episode's end mean nothing.

    private: observations, available_actions and actions, [agents, time + 1, episodes, ...]; team: state, team_reward
    and terminated, [time + 1, episodes, ...]; lengths: [episodes], environment steps.
    """

    private: dict[str, torch.Tensor]
    team: dict[str, torch.Tensor]
    lengths: Integers

    def fill(self, agents: AgentStack, records: TeamRecords) -> None:
        """Put them into the buffers of both sides: episode e gets slot e."""
        agents.ring.add(self.private, self.lengths)
        records.ring.add(self.team, self.lengths)
        records.largest_reward = None  # that of these episodes

    def save(self, file: Path) -> None:
        """Write them as NumPy arrays (.npz), episodes first, for whoever knows nothing of ours.

        observations [episodes, time + 1, agents, obs_dim] float32, available_actions [episodes, time + 1, agents,
        n_actions] bool, actions [episodes, time + 1, agents] int64, state [episodes, time + 1, state_dim] float32,
        team_reward and terminated [episodes, time + 1], lengths [episodes].
        """
        arrays: dict[str, Any] = {"lengths": self.lengths}
        arrays |= {name: column.transpose(0, 2).contiguous().numpy() for name, column in self.private.items()}
        arrays |= {name: column.transpose(0, 1).contiguous().numpy() for name, column in self.team.items()}
        np.savez(file, **arrays)


class EpisodeSource(Protocol):
    """Where episodes come from.

    name: for the report; spec: their sizes; longest: environment steps of the longest, as far as it is known.
    """

    name: str
    spec: TeamSpec

    def draw(self, episodes: int) -> Episodes:
        """Return so many episodes. Raises CheckpointError when there are not as many."""
        ...


class RandomEpisodes:
    """Random numbers in the shape of a map's episodes.

    steps: environment steps of an episode, None for as many as the map allows. lengths: "full" (every episode has as
    many) or "mixed" (uniform between a third of it and it, as in training; an episode that is shorter ends terminated).
    Raises ConfigurationError when a map's episodes cannot be as long.
    """

    def __init__(self, map: str, config: Config, lengths: str, steps: int | None) -> None:
        self.name, self.spec, self.mixed = map, team_spec(map, config.env), lengths == "mixed"
        limit = self.spec.episode_limit
        self.steps = limit if steps is None else steps
        if self.steps > limit:
            raise ConfigurationError(f"steps={steps}: an episode of {map} has {limit} environment steps at most.")

    def draw(self, episodes: int) -> Episodes:
        """Return so many episodes, the same at every call."""
        spec, steps, random = self.spec, self.steps, np.random.default_rng(0)
        shortest = max(1, steps // 3) if self.mixed else steps
        lengths = random.integers(shortest, steps + 1, episodes)

        def floats(*shape: int) -> torch.Tensor:
            return torch.from_numpy(random.random(shape, dtype=np.float32))

        actions = random.integers(0, spec.n_actions, (spec.n_agents, steps + 1, episodes))
        available = random.random((spec.n_agents, steps + 1, episodes, spec.n_actions), dtype=np.float32) < 0.5
        np.put_along_axis(available, actions[..., None], True, axis=-1)  # what is done could be done
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
    """The episodes a run trained on last: those its newest checkpoint holds, private ones and the team's.

    run: its folder. Raises ConfigurationError when it is no run folder, CheckpointError when it has no checkpoint, a
    damaged one, or one without episodes (the agents of a deployment keep theirs to themselves).
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
                f"{checkpoint.path} holds no episodes to learn from: a federation's agents keep them. "
                "Name a run that was trained in one process."
            )
        checkpoint.fill(rings[0] | rings[1])
        (self._private,), (self._team,) = rings[0].values(), rings[1].values()
        self._path = checkpoint.path

    def draw(self, episodes: int) -> Episodes:
        """Return so many different ones of all that are stored, the same at every call."""
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
    """Make a source of random episodes for every map.

    steps: environment steps of an episode, one for each map or one for all; None for as many as each map allows.
    Raises ConfigurationError when the steps do not match the maps.
    """
    if steps is None:
        each: list[int | None] = [None] * len(maps)
    elif len(steps) in (1, len(maps)):
        each = [*steps] * (len(maps) if len(steps) == 1 else 1)
    else:
        raise ConfigurationError(
            f"steps= names {len(steps)} lengths for {len(maps)} maps ({', '.join(maps)}): give one for each, or one "
            "for all."
        )
    return [RandomEpisodes(map, config, lengths, steps) for map, steps in zip(maps, each, strict=True)]


def _padded(ring: EpisodeRing, slots: Integers) -> dict[str, torch.Tensor]:
    """Return every field's [*lead, longest + 1, episodes, *trailing] of slots, longest first; zeros behind ends."""
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
