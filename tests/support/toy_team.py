"""Whole teams, small enough for a test: settings, agents, mixer's side and toy world put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from flwr.app import Message

from fedqmix.algorithms import find_algorithm
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.answers import answer
from fedqmix.clients.contract import SIZES
from fedqmix.conf.registry import OWN, make_settings, settings_class
from fedqmix.conf.schema import AlgorithmConfig, ModelConfig
from fedqmix.runtime.core.facts import Facts
from fedqmix.runtime.core.tally import TalliedWorld
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.server.team_learner import TeamLearner
from fedqmix.server.team_records import TeamRecords
from support.entities import attention_model
from support.toy_world import ToyWorld, toy_spec

torch.set_num_threads(1)  # these tensors are tiny, and tests run side by side

CPU = torch.device("cpu")
MODEL = ModelConfig(name="gru", hidden=6, initialisation="orthogonal", agent_id=True, last_action=True)


ATTENTION = attention_model(hidden=6, initialisation="orthogonal", agent_id=True)


def model_for(settings: AlgorithmConfig) -> ModelConfig:
    """The usual network, or one over entities where the algorithm hides some."""
    return ATTENTION if find_algorithm(settings).agent.hides_entities else MODEL


def chosen(group: str, name: str, values: dict[str, Any]) -> Any:
    """Settings of a choice, without what it lacks; a name that no choice has is a mistake of the test."""
    assert set(values) <= {one.name for one in fields(settings_class(group, OWN))}
    return make_settings(group, name, values, {})


def algorithm(name: str = "qmix", **changes: Any) -> Any:
    """Settings of a learner that learns within a few steps."""
    values = {
        "learning_rate": 0.01,
        "gamma": 0.9,
        "td_lambda": 0.0,
        "batch_size": 4,
        "buffer_size": 12,
        "parallel_episodes": 3,
        "updates_per_episode": 1.0,
        "double_q": True,
        "target_update_interval": 3,
        "target_update_rate": 1.0,
        "grad_norm_clip": 10.0,
        "max_q": 1.0,
        "max_gradient": 100.0,
        "epsilon_start": 1.0,
        "epsilon_finish": 0.1,
        "epsilon_anneal_steps": 200,
        "exploration_draws": "agent",
        "reward": "team",
        **SIZES,
        "token_width": MODEL.hidden,
    }
    return chosen("algorithm", name, values | changes)


def strategy_settings(name: str, **changes: Any) -> Any:
    """A strategy's settings, without a cap on the weights."""
    values = {
        "aggregation_interval": 4,
        "shared": {"none": [], "pp_pps": ["head.*"]}.get(name, ["*"]),
        "reward": "individual",
        "max_weight": 1.0,
        "policy_episodes": 2,
        "common_start": name != "none",
        "server_optimiser": "none",
        "server_learning_rate": 0.5,
        "server_momentum": 0.5,
        "server_adam_eta": 0.01,
        "server_adam_beta_1": 0.9,
        "server_adam_beta_2": 0.99,
        "server_adam_tau": 0.001,
        "proximal_mu": 0.0,
        "adam_moments": "keep",
        "share_targets": False,
        "max_update": 10.0,
        "on_fault": "stop",
        "max_faults": 10,
        "byzantine": 1,
        "krum_select": 1,
        "clip_update": 1.0 if name == "norm_clip" else None,
        "clusters": None,
        "keep": 1.0,
        "masks": "mapped",
        "every_step": False,
        "identity_episodes": 6,
        "identity_steps": 60,
        "identity_batch": 8,
        "identity_latent": 4,
        "identity_kl": 1e-4,
        "identity_average_every": 0,
        "identity_converged": 0.0,
        "identity_silhouette": 0.0,
        "smallest_cluster": 1,
    }
    return chosen("strategy", name, values | changes)


@dataclass
class ToyTeam:
    """Agents, their world, and the mixer's side of both."""

    agents: AgentStack
    world: TalliedWorld
    learner: TeamLearner

    def answer(self, questions: Sequence[Message]) -> list[Message]:
        """Answer one message per agent."""
        self.world.forget()
        self.learner.forget_faults()
        return answer(self.agents, self.world, self.learner, questions)

    def facts(self) -> Facts:
        """What world and mixer know of the last question."""
        return Facts(self.world.counted(), self.learner.learned())


def make_agents(
    agent_ids: tuple[int, ...],
    spec: TeamSpec,
    settings: AlgorithmConfig,
    seed: int = 5,
    model: ModelConfig | None = None,
    backend: str = "auto",
) -> AgentStack:
    """A stack of some agents of the team."""
    return AgentStack(agent_ids, spec, model or model_for(settings), settings, seed, CPU, backend=backend)


def make_learner(spec: TeamSpec, settings: AlgorithmConfig, seed: int = 5, backend: str = "auto") -> TeamLearner:
    """The mixer's side with empty records."""
    return TeamLearner(spec, settings, TeamRecords(spec, settings.buffer_size, CPU), seed, CPU, backend=backend)


def make_team(
    settings: AlgorithmConfig | None = None,
    spec: TeamSpec | None = None,
    seed: int = 5,
    varies: bool = False,
    backend: str = "auto",
) -> ToyTeam:
    """A team whose agents are held in one stack. varies: whether its size is drawn for every episode."""
    settings, spec = settings or algorithm(), spec or toy_spec()
    learner = make_learner(spec, settings, seed, backend)
    agents = make_agents(tuple(range(spec.n_agents)), spec, settings, seed, backend=backend)
    return ToyTeam(agents, TalliedWorld(ToyWorld(spec, seed, learner.records, varies)), learner)
