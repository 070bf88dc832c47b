"""A stack of agents: their networks, optimiser, private episodes and counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch

from fedqmix.algorithms import Algorithm, AlgorithmSettings, find_algorithm, make_networks
from fedqmix.clients.backend import acts_by_kernels, learns_by_kernels
from fedqmix.clients.buffer import private_ring
from fedqmix.clients.compiled_train_state import CompiledTrainState
from fedqmix.clients.individual_loss import IndividualLoss
from fedqmix.clients.train_state import TorchTrainState, TrainState
from fedqmix.networks import Gru, NetworkSettings, Parameters
from fedqmix.networks.gru_captured import CapturedUnroll
from fedqmix.networks.gru_kernels.networks import CompiledNetworks
from fedqmix.runtime.core.array_names import BUFFER, EXP_AVG, EXP_AVG_SQ, TARGET
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.exploration import ExplorationSettings, epsilon
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.kernels.thread_pool import ThreadPool


class LearningSettings(ExplorationSettings, AlgorithmSettings, Protocol):
    """The settings that acting and learning use (conf.schema.AlgorithmConfig has them)."""

    learning_rate: float
    batch_size: int
    buffer_size: int
    parallel_episodes: int
    updates_per_episode: float
    target_update_interval: int
    target_update_rate: float
    exploration_draws: str


class AgentStack:
    """N agents held by one process: online and target networks, optimiser, private episodes, counters.

    agent_ids: the agents' ids in the team. backend: runtime.backend (clients.backend). batched_runs: the run's handle
    among several in one program. All tensors have a leading agent axis.
    Raises ConfigurationError when a setting names an unknown network or algorithm, or kernels that do not exist.
    """

    def __init__(
        self,
        agent_ids: Sequence[int],
        spec: TeamSpec,
        model: NetworkSettings,
        learning: LearningSettings,
        seed: int,
        device: torch.device,
        batched_runs: BatchedRuns = SINGLE_RUN,
        backend: str = "auto",
        algorithm: Algorithm | None = None,
    ) -> None:
        self.agent_ids = tuple(agent_ids)
        self.spec = spec
        self.learning = learning
        self.seed = seed
        self.device = device
        self.batched_runs = batched_runs
        self.ids = torch.tensor(self.agent_ids, dtype=torch.int64, device=device)  # [agents]
        self.thread_pool = ThreadPool()
        algorithm = algorithm or find_algorithm(learning)
        self.half = algorithm.agent(learning)
        self.recorded = algorithm.recorded
        self.individual_loss = IndividualLoss.of(algorithm, spec, learning)
        """The agents' own losses; None: the team's side computes the loss."""
        self.networks = make_networks(algorithm, learning, model, spec)
        drawn = self.networks.draw(self.agent_ids, seed)
        self.train_state: TrainState = (
            CompiledTrainState(drawn, learning.learning_rate, self.thread_pool)
            if device.type == "cpu"
            else TorchTrainState({name: value.to(device) for name, value in drawn.items()}, learning.learning_rate)
        )
        self.buffers: Parameters = {}
        """Arrays that the strategy sent to be kept, not trained: [agents, ...] by name."""
        self.ring = private_ring(len(self.agent_ids), learning.buffer_size, spec, device, self.recorded)
        network = self.networks.network
        for one in self.networks.by_name.values():
            if device.type == "cuda" and isinstance(one, Gru):  # a graph for each, whose gradients are due together
                one.recurrence = CapturedUnroll(learning.batch_size, spec.episode_limit)
        self.by_agent = device.type == "cpu"
        """True when torch computes every agent as a stack of one (clients.torch_rows)."""
        self.learns_by_kernels = learns_by_kernels(backend, device, network, algorithm)
        acts = acts_by_kernels(backend, device, network, algorithm)
        self.compiled = CompiledNetworks(self.agent_ids, spec, model.agent_id, self.thread_pool) if acts else None
        self.env_steps = 0  # of the whole team, in all episodes that count as experience
        self.train_steps = 0
        self.episodes = 0  # training episodes played
        self.pending_updates = 0.0  # training steps due for collected episodes and not yet taken

    @property
    def online(self) -> Parameters:
        """The parameters of the online networks, which act and learn."""
        return self.train_state.online

    @property
    def target(self) -> Parameters:
        """The parameters of the target networks, which give the TD targets."""
        return self.train_state.target

    def epsilon(self) -> float:
        """Return the current exploration rate (runtime.core.exploration)."""
        return epsilon(self.learning, self.env_steps)

    @property
    def aggregable(self) -> Parameters:
        """The arrays that a training message may hold, by the names of runtime.core.array_names."""
        state = self.train_state
        beside = {TARGET: state.target, EXP_AVG: state.exp_avg, EXP_AVG_SQ: state.exp_avg_sq}
        return self.online | {prefix + name: value for prefix, of in beside.items() for name, value in of.items()}

    def load(self, arrays: Mapping[str, torch.Tensor]) -> None:
        """Replace online parameters.

        arrays: some of the parameters by name, [agents, ...] each. Other parameters, target networks and optimiser
        state stay. Before the first training step, the loaded values are copied into the target networks too.
        Raises FederationError on an unknown name, a wrong shape, or a value that is not finite.
        """
        self._load(arrays, self.online)

    def load_aggregate(self, arrays: Mapping[str, torch.Tensor]) -> None:
        """Replace online parameters, and the target networks and moments that are aggregated with them.

        arrays: some of `aggregable` by name, [agents, ...] each; otherwise as `load`. Raises FederationError as
        `load` does, and for a second moment below zero.
        """
        for name, value in arrays.items():
            if name.startswith(EXP_AVG_SQ) and (value < 0).any():
                raise FederationError(f"agents were sent {name} with values below zero")
        self._load(arrays, self.aggregable)

    def kept_with(self, buffers: Mapping[str, torch.Tensor]) -> Parameters:
        """Return `buffers` with others, which replace earlier ones of the same name.

        buffers: [agents, ...] by name. Raises FederationError when all would take more memory than the networks'
        parameters: a server could otherwise fill an agent's memory and disk, round after round.
        """
        kept = self.buffers | {name: value.to(self.device) for name, value in buffers.items()}
        size, most = (sum(value.nbytes for value in tensors.values()) for tensors in (kept, self.online))
        if size > most:
            raise FederationError(
                f"agents were sent buffers of {size} bytes in all; they keep at most {most}, the size of their networks"
            )
        return kept

    @torch.no_grad()
    def _load(self, arrays: Mapping[str, torch.Tensor], known: Parameters) -> None:
        for name, value in arrays.items():
            if name not in known:
                raise FederationError(f"agents were sent a parameter {name!r}; they have {', '.join(known)}")
            if value.shape != known[name].shape:
                expected = tuple(known[name].shape)
                raise FederationError(f"agents were sent {name} of shape {tuple(value.shape)}, expected {expected}")
            if not torch.isfinite(value).all():
                raise FederationError(f"agents were sent {name} with values that are not finite")
        for name, value in arrays.items():
            known[name].copy_(value)
            if self.train_steps == 0 and name in self.target and TARGET + name not in arrays:
                self.target[name].copy_(value)

    def state(self) -> dict[str, torch.Tensor]:
        """Return the state for a checkpoint, as named tensors: everything except the episodes."""
        named = {f"online.{name}": value.detach() for name, value in self.online.items()}
        named |= {f"target.{name}": value for name, value in self.target.items()}
        named |= {f"adam.{name}": value for name, value in self.train_state.moments().items()}
        named |= {BUFFER + name: value for name, value in self.buffers.items()}
        counters = [self.env_steps, self.train_steps, self.episodes, self.pending_updates]
        return named | {"counters": torch.tensor(counters, dtype=torch.float64)}

    def load_state(self, named: Mapping[str, torch.Tensor]) -> None:
        """Load the output of `state`."""
        with torch.no_grad():
            for name, parameter in self.online.items():
                parameter.copy_(named[f"online.{name}"])
                self.target[name].copy_(named[f"target.{name}"])
        moments = {name.removeprefix("adam."): value for name, value in named.items() if name.startswith("adam.")}
        self.train_state.load_moments(moments)
        self.buffers = {}
        self.buffers = self.kept_with(
            {name.removeprefix(BUFFER): value for name, value in named.items() if name.startswith(BUFFER)}
        )
        env_steps, train_steps, episodes, self.pending_updates = named["counters"].tolist()
        self.env_steps, self.train_steps, self.episodes = int(env_steps), int(train_steps), int(episodes)
