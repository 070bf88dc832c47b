"""Episodes as random as they come, for the plain learner and for the buffers of the real one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from fedqmix.algorithms.q_learning.kernels.learning import CompiledQmix
from fedqmix.algorithms.training import TorchTeamTraining
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.compiled_train_state import CompiledTrainState
from fedqmix.clients.train_state import TorchTrainState
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.storage.ring import EpisodeRing, Field
from fedqmix.server.team_learner import TeamLearner
from support.plain import Episode
from support.toy_world import NO_OP


def random_episode(random: np.random.Generator, spec: TeamSpec, length: int, terminated: bool) -> Episode:
    """Draw an episode in which some agents die: from then on they see nothing and have only the no-op."""
    episode = Episode(length, terminated, [], [], [], [], [])
    for _ in range(spec.n_agents):
        death = int(random.integers(1, 2 * length + 1))  # about half of them die
        observations, available, actions = [], [], []
        for moment in range(length + 1):
            alive = moment < death
            seen = torch.from_numpy(random.standard_normal(spec.obs_dim).astype(np.float32))
            observations.append(seen if alive else torch.zeros(spec.obs_dim))
            allowed = [False, *(random.random(spec.n_actions - 1) < 0.6)]
            allowed[int(random.integers(1, spec.n_actions))] = True
            available.append([bool(a) for a in allowed] if alive else [a == NO_OP for a in range(spec.n_actions)])
            actions.append(int(random.choice(np.flatnonzero(available[-1]))))
        episode.observations.append(observations)
        episode.available.append(available)
        episode.actions.append(actions[:-1])
    for _ in range(length + 1):
        episode.states.append(torch.from_numpy(random.standard_normal(spec.state_dim).astype(np.float32)))
    episode.rewards = [float(np.float32(reward)) for reward in 2 * random.standard_normal(length)]
    return episode


def with_individual_rewards(random: np.random.Generator, episode: Episode, n_agents: int) -> Episode:
    """Draw each agent's own rewards, which the team's have nothing to do with."""
    drawn = (2 * random.standard_normal((n_agents, episode.length))).astype(np.float32)
    return replace(episode, individual=drawn.astype(float).tolist())


def store(
    episodes: list[Episode],
    agents: AgentStack,
    learner: TeamLearner,
    garbage: float = np.nan,
    exists: np.ndarray | None = None,
) -> None:
    """Add episodes to both buffers; behind an episode's end there is garbage.

    exists: [agents of the team, episodes]; None: all exist.
    """
    spec, count = agents.spec, len(episodes)
    moments = spec.episode_limit + 1
    floats = agents.online["head.bias"].dtype
    rows = {
        "observations": torch.full((len(agents.agent_ids), moments, count, spec.obs_dim), garbage, dtype=floats),
        "available_actions": torch.ones((len(agents.agent_ids), moments, count, spec.n_actions), dtype=torch.bool),
        "actions": torch.full((len(agents.agent_ids), moments, count), 2**40, dtype=torch.int64),
    }
    rows |= {
        name: torch.full_like(rows["actions"], 1, dtype=agents.ring.fields[name].dtype) for name in agents.recorded
    }
    team = {
        "state": torch.full((moments, count, spec.state_dim), garbage, dtype=floats),
        "team_reward": torch.full((moments, count), garbage, dtype=floats),
        "terminated": torch.ones((moments, count), dtype=torch.bool),
    }
    for b, episode in enumerate(episodes):
        for moment in range(episode.length + 1):
            for row, agent in enumerate(agents.agent_ids):
                rows["observations"][row, moment, b] = episode.observations[agent][moment]
                rows["available_actions"][row, moment, b] = torch.tensor(episode.available[agent][moment])
            team["state"][moment, b] = episode.states[moment]
        for time in range(episode.length):
            for row, agent in enumerate(agents.agent_ids):
                rows["actions"][row, time, b] = episode.actions[agent][time]
                if "individual_reward" in rows:
                    rows["individual_reward"][row, time, b] = episode.individual[agent][time]
                    rows["terminated"][row, time, b] = episode.terminated and time == episode.length - 1
            team["team_reward"][time, b] = episode.rewards[time]
            team["terminated"][time, b] = episode.terminated and time == episode.length - 1
    lengths = np.array([episode.length for episode in episodes], np.int64)
    agents.ring.add(rows, lengths, None if exists is None else exists[list(agents.agent_ids)])
    learner.records.ring.add(team, lengths, exists)


def without_kernels(agents: AgentStack, learner: TeamLearner, batched_runs: BatchedRuns = SINGLE_RUN) -> None:
    """Let a learner that has not begun compute as on a device that has no kernels."""
    agents.compiled, agents.learns_by_kernels, agents.by_agent = None, False, False
    agents.train_state = TorchTrainState(agents.online, agents.learning.learning_rate)
    rate = learner.settings.learning_rate
    learner.training = TorchTeamTraining(learner.half, learner.target, learner.rows, rate, batched_runs)


def in_double(agents: AgentStack, learner: TeamLearner) -> None:
    """Let a learner that has not begun compute in float64."""
    parameters, rate = {name: value.double() for name, value in agents.online.items()}, agents.learning.learning_rate
    if agents.by_agent:
        agents.train_state = CompiledTrainState(parameters, rate, agents.thread_pool)
    else:
        agents.train_state = TorchTrainState(parameters, rate)
    learner.half.double()
    learner.target.double()
    if isinstance(learner.training, CompiledQmix):
        learner.training = CompiledQmix(learner.half, learner.target, learner.settings.learning_rate)
    agents.ring, learner.records.ring = _double_ring(agents.ring), _double_ring(learner.records.ring)


def _double_ring(ring: EpisodeRing) -> EpisodeRing:
    wider = {torch.float32: torch.float64}
    fields = {name: Field(f.lead, f.trailing, wider.get(f.dtype, f.dtype)) for name, f in ring.fields.items()}
    return EpisodeRing(ring.capacity, ring.limit, fields, ring.device, ring.agents)
