"""A whole team in one process: world, mixer's side and stacked agents, ready to be written down and read back."""

from __future__ import annotations

from collections.abc import Mapping

import psutil
import torch

from clients.acting import Watcher, play
from clients.agents import AgentStack
from clients.answers import borrowed
from conf.schema import Config
from contracts.errors import ConfigurationError
from contracts.world import Battles, World
from envs import make_world, team_spec
from runtimes.recording import RewardTap
from server.team_learner import TeamLearner
from server.team_records import TeamRecords
from storage.checkpoint import Checkpoint
from storage.ring import EpisodeRing


class LocalTeam:
    """Everything that learns and plays, built from a configuration.

    Raises ConfigurationError when the device is not there or the episode buffers cannot fit into memory.
    """

    def __init__(self, config: Config) -> None:
        self.spec = team_spec(config.map, config.env)
        self.device = choose_device(config.runtime.device)
        try:
            self.records = TeamRecords(self.spec, config.algorithm.buffer_size, self.device)
            self.agents = AgentStack(
                range(self.spec.n_agents), self.spec, config.model, config.algorithm, config.seed, self.device
            )
        except RuntimeError as error:  # PyTorch cannot allocate
            free = psutil.virtual_memory().available / 2**30
            raise ConfigurationError(
                f"algorithm.buffer_size={config.algorithm.buffer_size} episodes of {config.map} do not fit into "
                f"memory ({free:.1f} GiB are free): choose a smaller one."
            ) from error
        self.mixer = TeamLearner(self.spec, config.algorithm, self.records, config.seed, self.device)
        self.tap = RewardTap(self.records)
        self.world: World = make_world(config.map, config.seed, config.env, self.tap, config.runtime.world_threads)

    @property
    def rings(self) -> dict[str, EpisodeRing]:
        """The episode buffers: the agents' private one and the team's."""
        return {"private": self.agents.ring, "team": self.records.ring}

    def memory_warning(self) -> str | None:
        """Say so when full episode buffers would not fit into what memory is free now."""
        full = sum(EpisodeRing.nbytes_full(ring.capacity, ring.limit, ring.fields) for ring in self.rings.values())
        free = psutil.virtual_memory().available
        if self.device.type != "cpu" or full <= free:
            return None
        return (
            f"{self.agents.ring.capacity} episodes of full length would take {full / 2**30:.1f} GiB; "
            f"{free / 2**30:.1f} GiB are free. If memory runs out, choose a smaller algorithm.buffer_size."
        )

    def state(self) -> dict[str, dict[str, torch.Tensor]]:
        """Named tensors by checkpoint group."""
        return {"agents": self.agents.state(), "mixer": self.mixer.state()}

    def networks(self) -> dict[str, dict[str, torch.Tensor]]:
        """The networks alone, for the best evaluation's checkpoint."""
        wanted = {"agents": "online.", "mixer": "mixer."}
        return {
            group: {name: value for name, value in tensors.items() if name.startswith(wanted[group])}
            for group, tensors in self.state().items()
        }

    def load(self, tensors: Mapping[str, Mapping[str, torch.Tensor]], checkpoint: Checkpoint) -> None:
        """Take up what a checkpoint holds."""
        self.agents.load_state(tensors["agents"])
        self.mixer.load_state(tensors["mixer"])
        checkpoint.fill(self.rings)

    def play_with(self, arrays: Mapping[str, torch.Tensor], battles: Battles, epsilon: float, watcher: Watcher) -> None:
        """Play battles that are only looked at, with shared parameters for the while. arrays: one agent's, by name."""
        stacked = {name: value.expand(self.spec.n_agents, *value.shape) for name, value in arrays.items()}
        with borrowed(self.agents, stacked):
            play(self.agents, self.world, battles, epsilon, watcher)

    def close(self) -> None:
        """Let go of the world's threads."""
        self.world.close()


def choose_device(name: str) -> torch.device:
    """Return the device a runtime.device setting means. Raises ConfigurationError when it is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError(
            "runtime.device=cuda, but PyTorch sees no CUDA GPU: use runtime.device=cpu, or auto to take a GPU if any."
        )
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
