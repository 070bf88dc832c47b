"""The two sides of split learning, built from a configuration: a stack of agents, and the mixer's side.

The local runtime has both in one process, a deployment each in a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psutil
import torch

from clients.agents import AgentStack
from conf.schema import Config
from contracts.errors import ConfigurationError
from contracts.together import ALONE, Together
from contracts.world import TeamSpec
from server.team_learner import TeamLearner
from server.team_records import TeamRecords
from storage.reading import Checkpoint
from storage.ring import EpisodeRing

Tensors = Mapping[str, Mapping[str, torch.Tensor]]


class AgentSide:
    """Some agents of a team. together: the run's seat among several in one program.

    Raises ConfigurationError when the device is missing or memory is too small.
    """

    def __init__(self, config: Config, spec: TeamSpec, agent_ids: Sequence[int], together: Together = ALONE) -> None:
        device = choose_device(config.runtime.device)
        try:
            self.agents = AgentStack(agent_ids, spec, config.model, config.algorithm, config.seed, device, together)
        except RuntimeError as error:  # PyTorch cannot allocate
            raise _too_large(config) from error

    @property
    def rings(self) -> dict[str, EpisodeRing]:
        """The agents' private episodes."""
        return {"private": self.agents.ring}

    def state(self) -> dict[str, dict[str, torch.Tensor]]:
        """Named tensors by checkpoint group."""
        return {"agents": self.agents.state()}

    def load(self, tensors: Tensors, checkpoint: Checkpoint) -> None:
        """Take up what a checkpoint holds."""
        self.agents.load_state(tensors["agents"])
        checkpoint.fill(self.rings)


class MixerSide:
    """The mixer and the team's episodes. Raises ConfigurationError as AgentSide does."""

    def __init__(self, config: Config, spec: TeamSpec, together: Together = ALONE) -> None:
        self.device = choose_device(config.runtime.device)
        try:
            self.records = TeamRecords(spec, config.algorithm.buffer_size, self.device)
        except RuntimeError as error:
            raise _too_large(config) from error
        self.learner = TeamLearner(spec, config.algorithm, self.records, config.seed, self.device, together)

    @property
    def rings(self) -> dict[str, EpisodeRing]:
        """The team's episodes: states and team rewards."""
        return {"team": self.records.ring}

    def state(self) -> dict[str, dict[str, torch.Tensor]]:
        """Named tensors by checkpoint group."""
        return {"mixer": self.learner.state()}

    def load(self, tensors: Tensors, checkpoint: Checkpoint) -> None:
        """Take up what a checkpoint holds."""
        self.learner.load_state(tensors["mixer"])
        checkpoint.fill(self.rings)


def choose_device(name: str) -> torch.device:
    """Return the device a runtime.device setting means. Raises ConfigurationError when it is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError(
            "runtime.device=cuda, but PyTorch sees no CUDA GPU: use runtime.device=cpu, or auto to take a GPU if any."
        )
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _too_large(config: Config) -> ConfigurationError:
    free = psutil.virtual_memory().available / 2**30
    return ConfigurationError(
        f"algorithm.buffer_size={config.algorithm.buffer_size} episodes of {config.map} do not fit into "
        f"memory ({free:.1f} GiB are free): choose a smaller one."
    )
