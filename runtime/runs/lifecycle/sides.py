"""The two sides of split learning: a stack of agents, and the mixer's side.

The local runtime has both sides in one process; a deployment has a process for each agent and one for the mixer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.agent_model import agent_model
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.core.team_arrays import of_agent
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.runs.lifecycle.fitting import require_agents, require_mixer
from fedqmix.runtime.storage.reading import Checkpoint
from fedqmix.runtime.storage.ring import EpisodeRing
from fedqmix.server.team_learner import TeamLearner
from fedqmix.server.team_records import TeamRecords

Tensors = Mapping[str, Mapping[str, torch.Tensor]]


class AgentSide:
    """Some agents of a team. batched_runs: the run's handle among several in one program.

    together: this run's handle for computing with other runs of the program. Raises ConfigurationError when the device
    is missing or memory is too small.
    """

    def __init__(
        self, config: Config, spec: TeamSpec, agent_ids: Sequence[int], batched_runs: BatchedRuns = SINGLE_RUN
    ) -> None:
        device, backend = choose_device(config.runtime.device), config.runtime.backend
        self._config = config
        try:
            self.agents = AgentStack(
                agent_ids, spec, agent_model(config), config.algorithm, config.seed, device, batched_runs, backend
            )
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
        """Load a checkpoint with its episodes.

        Raises CheckpointError when it belongs to another team or network.
        """
        self.load_networks(tensors, checkpoint.path)
        checkpoint.fill(self.rings)

    def load_networks(self, tensors: Tensors, place: Path) -> None:
        """Load all but the episodes. place: the checkpoint, for errors.

        Raises CheckpointError as `load` does.
        """
        agents = self.agents
        require_agents(place, tensors.get("agents", {}), self._config, agents.spec, len(agents.agent_ids))
        agents.load_state(tensors["agents"])


class MixerSide:
    """The mixer and the team's episodes. Raises ConfigurationError as `AgentSide` does."""

    def __init__(self, config: Config, spec: TeamSpec, batched_runs: BatchedRuns = SINGLE_RUN) -> None:
        self.device = choose_device(config.runtime.device)
        self._algorithm = config.algorithm
        try:
            self.records = TeamRecords(spec, config.algorithm.buffer_size, self.device)
        except RuntimeError as error:
            raise _too_large(config) from error
        common = self.records, config.seed, self.device, batched_runs, config.runtime.backend
        self.learner = TeamLearner(spec, config.algorithm, *common)

    @property
    def rings(self) -> dict[str, EpisodeRing]:
        """The team's episodes: states and team rewards."""
        return {"team": self.records.ring}

    def state(self) -> dict[str, dict[str, torch.Tensor]]:
        """Named tensors by checkpoint group."""
        return {"mixer": self.learner.state()}

    def load(self, tensors: Tensors, checkpoint: Checkpoint) -> None:
        """Load a checkpoint with its episodes. Raises CheckpointError for another team or mixer."""
        self.load_networks(tensors, checkpoint.path)
        checkpoint.fill(self.rings)

    def load_networks(self, tensors: Tensors, place: Path) -> None:
        """Load all but the episodes. place: the checkpoint, for errors.

        Raises CheckpointError as `load` does.
        """
        require_mixer(place, tensors.get("mixer", {}), self.records.spec, self._algorithm)
        self.learner.load_state(tensors["mixer"])


def stacked(team: Mapping[str, torch.Tensor], n_agents: int) -> dict[str, torch.Tensor]:
    """Return a strategy's aggregates with an agent axis: [agents, ...] by plain name.

    team: by the names of runtime.core.team_arrays. Raises CheckpointError when agents have other names or shapes.
    """
    own = [of_agent(team, agent) for agent in range(n_agents)]
    kinds = [{name: value.shape for name, value in one.items()} for one in own]
    if any(kind != kinds[0] for kind in kinds):
        raise CheckpointError("the agents' aggregates differ in names or shapes")
    return {name: torch.stack([one[name] for one in own]) for name in own[0]}


def choose_device(name: str) -> torch.device:
    """Return the device of a runtime.device setting.

    Raises ConfigurationError when it is missing.
    """
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
