"""An algorithm: one autograd graph cut in two halves, and the rows that cross the cut (`runtime.core.rows`).

agent half   episodes -> networks -> rows          private: observations, actions, masks
   ------ the cut: rows out, gradients of the differentiable rows back ------
team half    rows + states + team rewards -> loss  private: state, team reward
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import nn

from fedqmix.runtime.core.episodes import PackedEpisodes, TeamTransitions
from fedqmix.runtime.core.rows import N_ACTIONS, Row, differentiable
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import TeamSpec

Selection = Literal["epsilon_greedy", "categorical"]
Replay = Literal["uniform", "newest"]
LOG_PROB = "log_prob"
"""The recorded log-probability of each action at the time it was taken."""
INDIVIDUAL_REWARD = "individual_reward"
"""The recorded individual reward of each environment step."""
TERMINATED = "terminated"
"""Whether the episode terminated with the environment step."""
COLUMNS: Mapping[str, str] = {LOG_PROB: "float32", INDIVIDUAL_REWARD: "float32", TERMINATED: "bool"}
"""The columns that acting can record, with their types."""
RECORDABLE: Mapping[Selection, tuple[str, ...]] = {
    "epsilon_greedy": (INDIVIDUAL_REWARD, TERMINATED),
    "categorical": (LOG_PROB, INDIVIDUAL_REWARD, TERMINATED),
}
"""The columns that acting can record, by the selection of actions."""
Q = "q"
"""The network that selects actions; its parameters have no prefix."""


class AlgorithmSettings(Protocol):
    """The settings that both halves of every algorithm may read (conf.schema.AlgorithmConfig has them).

    A half that reads others declares its class of settings: `settings: QmixSettings` (conf/registry.py).
    """

    name: str
    code: str | None
    gamma: float
    td_lambda: float


class AgentNetworks(Protocol):
    """The networks of a stack of agents, applied to the sampled episodes."""

    @property
    def spec(self) -> TeamSpec:
        """The team's sizes and spaces."""

    @property
    def agent_ids(self) -> torch.Tensor:
        """The id of each agent of the stack in its team: [agents]."""

    def online(self, network: str = Q) -> torch.Tensor:
        """Return the online network's outputs with graph: [agents, moments, outputs]."""

    def target(self, network: str = Q) -> torch.Tensor:
        """Return the target network's outputs without graph: [agents, moments, outputs]."""

    def online_hidden(self, hidden: Sequence[torch.Tensor | None]) -> list[torch.Tensor]:
        """Return the online outputs of network Q, with graph, for each mask of entities that it may not read.

        hidden: [agents, moments, entities] bool each, by the entities' numbers (networks.base.Seen); None: no mask. The
        network must be one over entities (AgentHalf.hides_entities).
        """

    def online_with_features(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return network Q's outputs and its features, both with graph (networks.base.Network.unroll_features)."""

    def target_with_features(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the outputs and features of Q's target network, both without graph."""

    def online_encoded(self, encoder: str, features: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Encode features [agents, rows, width] and actions [agents, rows] int64: [agents, rows, encoder's width]."""

    def target_encoded(self, encoder: str, features: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Encode by the target encoder, without graph."""


class AgentHalf(ABC):
    """The agents' half of an algorithm. It holds no state: networks and episodes are passed in."""

    rows: ClassVar[tuple[Row, ...]]
    """The rows that `compute` returns. Every agent sends them in each training step; with individual rewards it
    computes its loss from them instead (Algorithm.individual)."""
    networks: ClassVar[tuple[str, ...]] = (Q,)
    """The networks of every agent, all built by the model group. Parameters outside Q are named NETWORK.NAME."""
    outputs: ClassVar[Mapping[str, int]] = {}
    """The number of outputs of the networks that do not have one for each action."""
    encoders: ClassVar[tuple[str, ...]] = ()
    """The encoders of every agent: small networks over the features of network Q and an action (networks.encoder).
    Their widths are `sizes` of the same names, and their parameters are named ENCODER.NAME."""
    selection: ClassVar[Selection] = "epsilon_greedy"
    """The draw of the actions that are not greedy: uniform over the available ones, or by the policy's probabilities
    (categorical: Q's outputs are logits). algorithm.epsilon_* is the share of drawn actions; evaluations are greedy."""
    recorded: ClassVar[tuple[str, ...]] = ()
    """The columns recorded while acting, beside observations, masks and actions; names of RECORDABLE."""
    replay: ClassVar[Replay] = "uniform"
    """The episodes of a training step: batch_size drawn uniformly from the buffer, or the newest batch_size. With
    newest, every collected batch is learned from algorithm.epochs times (runtime.storage.draw)."""

    features: ClassVar[str | None] = None
    """The name in `sizes` of the width that the features of network Q must have; None: any, or they are not used."""
    hides_entities: ClassVar[bool] = False
    """Whether `compute` calls `online_hidden`. Then these must be networks over entities, and the entities
    of observations and states must have numbers (runtime.core.entities)."""

    def __init__(self, settings: AlgorithmSettings) -> None:
        self.settings = settings

    @classmethod
    def sizes(cls, spec: TeamSpec, settings: AlgorithmSettings) -> Mapping[str, int]:
        """Return the numbers that names in the declaration of rows stand for, and the widths of encoders."""
        return {N_ACTIONS: spec.n_actions}

    @abstractmethod
    def compute(self, networks: AgentNetworks, episodes: PackedEpisodes, order: Timeline) -> Mapping[str, torch.Tensor]:
        """Return the rows by name: [agents, order.transitions or order.moments, *shape].

        Differentiable rows have a graph. The leading axis may hold the agents of several runs.
        """


class TeamHalf(nn.Module, ABC):
    """The team's half of an algorithm: networks over rows and states, and the loss. Its target is a copy of it."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "td_error_abs")
    """The figures of a training step by name; reports hold their means. "loss" is the one minimised."""
    independent: ClassVar[bool] = False
    """True for a half without parameters whose loss is the mean over agents of a loss of each agent's own rows, and
    uses no state. Only then can agents learn from individual rewards: `loss` is then called by an agent, with
    `transitions.rewards` [agents, transitions] and states of width 0 (algorithms.individual)."""

    reads_entities: ClassVar[bool] = False
    """Whether its networks read the state as entities; __init__ raises ConfigurationError where it has none."""

    def __init__(self, spec: TeamSpec, settings: AlgorithmSettings) -> None:
        """Build the networks; PyTorch's generator draws their initial weights."""
        super().__init__()
        self.spec, self.settings = spec, settings

    @abstractmethod
    def loss(
        self, target: TeamHalf, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a batch, and figures by name for reports: numbers without graph.

        target: the target copy of this half. rows: [agents, count, *shape], the differentiable ones with graph.
        The figures' names must be those of `figures`.
        """

    def joint_values(self, rows: Mapping[str, torch.Tensor], transitions: TeamTransitions) -> dict[str, torch.Tensor]:
        """Return the values of the joint actions taken, by the name of what estimates them; {} where nothing does.

        The first is the one whose greedy actions the agents take. Arguments as for `loss`. Values are [outputs,
        transitions]; several outputs are the agents' own.
        """
        return {}

    @classmethod
    def learn_batched(cls, inputs: Sequence[TeamInputs], declared: Sequence[Row]) -> list[Learned]:
        """Compute every team's gradients and figures (`learn`), for the teams of several runs in one program."""
        return [learn(one, declared) for one in inputs]


class Algorithm(NamedTuple):
    """A learning method: an agent half and a team half.

    individual: the independent team half that each agent computes by itself, with its own rewards
    (algorithms.individual); None: the team's side computes `team`.
    """

    agent: type[AgentHalf]
    team: type[TeamHalf]
    individual: type[TeamHalf] | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that every agent sends in each training step, as declared: sizes may be names."""
        return self.agent.rows if self.individual is None else ()

    def sized_rows(self, spec: TeamSpec, settings: AlgorithmSettings) -> tuple[Row, ...]:
        """Return the rows of a team, with numbers for all sizes. Raises ConfigurationError as Row.sized does."""
        sizes = self.agent.sizes(spec, settings)
        return tuple(row.sized(sizes) for row in self.rows)

    @property
    def recorded(self) -> tuple[str, ...]:
        """The columns that every agent records while acting: names of COLUMNS."""
        for_loss = () if self.individual is None else (INDIVIDUAL_REWARD, TERMINATED)
        return tuple(dict.fromkeys((*self.agent.recorded, *for_loss)))


class TeamInputs(NamedTuple):
    """The inputs of one team half in a training step."""

    half: TeamHalf
    target: TeamHalf
    rows: Mapping[str, torch.Tensor]  # [agents, count, *shape], without graph
    transitions: TeamTransitions


Learned = tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]
"""Gradients by the names of the differentiable rows, and figures by name."""


def learn(inputs: TeamInputs, declared: Sequence[Row]) -> Learned:
    """Compute the loss and its gradients by autograd; fill the gradients of the half's parameters."""
    names = differentiable(declared)
    leaves = {name: inputs.rows[name].detach().requires_grad_() for name in names}
    inputs.half.zero_grad()  # an interrupted training step may have left some
    loss, figures = inputs.half.loss(inputs.target, {**inputs.rows, **leaves}, inputs.transitions)
    torch.autograd.backward(loss)
    gradients = {name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()}
    return gradients, {name: value.detach() for name, value in figures.items()}


def target_of(half: TeamHalf) -> TeamHalf:
    """Return a target copy of a half, without gradients."""
    return copy.deepcopy(half).requires_grad_(False)
