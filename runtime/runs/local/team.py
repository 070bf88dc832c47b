"""A whole team in one process: world, mixer's side and stacked agents, saved and loaded."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fedqmix.clients.acting import StepObserver
from fedqmix.clients.answers import borrowed
from fedqmix.clients.playing import play
from fedqmix.conf.schema import Config
from fedqmix.envs import make_world, team_spec
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns
from fedqmix.runtime.core.tally import TalliedWorld
from fedqmix.runtime.core.world import EpisodeBatch, Replayable
from fedqmix.runtime.runs.lifecycle.sides import AgentSide, MixerSide, Tensors, stacked
from fedqmix.runtime.runs.local.recording import RewardObserver
from fedqmix.runtime.storage.checkpoint import Checkpoint
from fedqmix.runtime.storage.ring import EpisodeRing


class LocalTeam:
    """The world, agents and mixer of a run, built from a configuration.

    together: this run's handle for computing with other runs of the program. drawn: the world, when replays of it can
    be recorded.
    Raises ConfigurationError when the device is missing or the episode buffers do not fit into memory.
    """

    def __init__(self, config: Config, together: BatchedRuns = SINGLE_RUN) -> None:
        self.spec = team_spec(config.map, config.env)
        mixer_side = MixerSide(config, self.spec, together)
        agent_side = AgentSide(config, self.spec, range(self.spec.n_agents), together)
        self._sides = (agent_side, mixer_side)
        self.agents, self.mixer = agent_side.agents, mixer_side.learner
        self.reward_observer = RewardObserver(mixer_side.records)
        world = make_world(config.map, config.seed, config.env, self.reward_observer, config.runtime.world_threads)
        self.world = TalliedWorld(world)
        self.drawn = world if isinstance(world, Replayable) else None

    @property
    def rings(self) -> dict[str, EpisodeRing]:
        """The episode buffers: the agents' private one and the team's."""
        return {name: ring for side in self._sides for name, ring in side.rings.items()}

    def state(self) -> dict[str, dict[str, torch.Tensor]]:
        """Named tensors by checkpoint group."""
        return {group: tensors for side in self._sides for group, tensors in side.state().items()}

    def networks(self) -> dict[str, dict[str, torch.Tensor]]:
        """The networks alone, for the best evaluation's checkpoint."""
        wanted = {"agents": "online.", "mixer": "mixer."}
        return {
            group: {name: value for name, value in tensors.items() if name.startswith(wanted[group])}
            for group, tensors in self.state().items()
        }

    def load(self, tensors: Tensors, checkpoint: Checkpoint) -> None:
        """Load a checkpoint. Raises CheckpointError for tensors of another team or network."""
        for side in self._sides:
            side.load_networks(tensors, checkpoint.path)
        checkpoint.fill(self.rings)

    def play_with(
        self, arrays: Mapping[str, torch.Tensor], batch: EpisodeBatch, epsilon: float, observer: StepObserver
    ) -> None:
        """Play observed episodes with other shared parameters, which are restored afterwards.

        arrays: the team's, by the names of runtime.core.team_arrays.
        """
        with borrowed(self.agents, stacked(arrays, self.spec.n_agents)):
            play(self.agents, self.world, batch, epsilon, observer)

    def close(self) -> None:
        """Release the world's threads."""
        self.world.close()
