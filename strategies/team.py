"""What all strategies share: a fixed team of agents in a fixed order, named layers, and how a round is told.

A strategy is a Flower FedAvg that fills in `weights`. It decides alone what is shared: an agent loads and returns
exactly the parameters that a message names.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg
from numpy.typing import NDArray

from contracts import messages as m
from contracts.errors import FederationError
from contracts.world import Purpose
from strategies.aggregation import aggregate, array_bytes
from strategies.beside import Beside, BesideSettings, online
from strategies.clipping import clipped
from strategies.distance import mean_distances
from strategies.server_optimiser import ServerSettings, server_optimiser

Plan = Mapping[str, int | float | bool | list[str]]
"""What a message asks for, by the names of contracts.messages."""
SERVER = "server."
"""Prefix of the server optimiser's moments among the arrays of `TeamStrategy.state`."""


class StrategySettings(ServerSettings, BesideSettings, Protocol):
    """What of the configuration a strategy needs (conf.schema.StrategyConfig has it)."""

    name: str
    code: str | None
    aggregation_interval: int
    shared: list[str]
    reward: str
    max_weight: float
    policy_episodes: int
    common_start: bool
    proximal_mu: float
    byzantine: int
    krum_select: int
    clip_update: float | None


@dataclass
class RoundRecord:
    """What a round brought, agent by agent, as far as the server may know it."""

    number: int
    env_step: int = 0
    train_step: int = 0
    episode: int = 0
    epsilon: float = 0.0
    rewards: Sequence[float] = ()  # R_i
    weights: Sequence[float] = ()  # of agent i in the aggregate
    # by shared parameter: mean Euclidean distance between two agents, before they were aggregated
    distances: dict[str, float] = field(default_factory=dict)
    bytes_up: int = 0  # array bytes, agents to server
    bytes_down: int = 0
    broken: int = 0  # how often a game broke down, so that its battle had to be played again
    won_before: float | None = None  # win rate of the agents' own networks; None when they were not evaluated
    evaluation: dict[str, float] | None = None  # None when no evaluation was due


class TeamStrategy(FedAvg):
    """Base of all strategies.

    settings: the strategy's configuration. n_agents: every one of them takes part in every round.
    env_steps: the run's end, passed on to the agents. evaluate_every: environment steps between evaluations of
    evaluate_episodes greedy episodes of each kind in evaluate_for, of which the first judges the team.
    evaluate_around: evaluate at every round's end, and play the first kind with the agents' own networks as well, just
    before they are aggregated. evaluated_before: called after that, when the mixer's side knows the returns.
    first_round: number of the first round (> 1 when a run is resumed).
    """

    tie_gradients = False

    def __init__(
        self,
        settings: StrategySettings,
        n_agents: int,
        env_steps: int,
        evaluate_every: int,
        evaluate_episodes: int,
        first_round: int = 1,
        evaluate_for: Sequence[Purpose] = (Purpose.EVALUATION,),
        evaluate_around: bool = False,
    ) -> None:
        super().__init__(
            min_train_nodes=n_agents, min_evaluate_nodes=n_agents, min_available_nodes=n_agents, configrecord_key=m.PLAN
        )
        self.settings = settings
        self.n_agents = n_agents
        self.env_steps = env_steps
        self.evaluate_every = evaluate_every
        self.evaluate_episodes = evaluate_episodes
        self.evaluate_for = tuple(evaluate_for)
        self.evaluate_around = evaluate_around
        self.evaluated_before: Callable[[], None] = lambda: None
        self.first_round = first_round
        self.nodes: list[int] = []  # agent index -> Flower node id
        self.starts: list[ArrayRecord] = []  # agent index -> its first shared parameters
        self.last_evaluation = 0  # environment step
        self.evaluations = 0
        self.record = RoundRecord(first_round - 1)
        self._beside = Beside(settings)
        self._optimiser = server_optimiser(settings)
        self._begun_with = ArrayRecord()  # the parameters of the round's beginning

    @abstractmethod
    def weights(self, rewards: Sequence[float]) -> list[float]:
        """Return every agent's weight in the aggregate, given R_i of this round; they sum to 1."""

    # Who is there, and what they start from

    def join(self, grid: Grid) -> ArrayRecord:
        """Ask all nodes which agent they are; return agent 0's shared parameters, the federation's first arrays.

        Raises FederationError unless the nodes are exactly the agents 0 .. n_agents - 1.
        """
        question = ConfigRecord({m.SHARED: list(self.settings.shared)})
        replies = self._ask(
            grid, [Message(RecordDict({m.PLAN: question}), node, m.JOIN) for node in sorted(grid.get_node_ids())]
        )
        found = {cast(int, _metrics(reply)[m.AGENT]): reply for reply in replies}
        if sorted(found) != list(range(self.n_agents)) or len(replies) != self.n_agents:
            answered = sorted(cast(int, _metrics(reply)[m.AGENT]) for reply in replies)
            raise FederationError(
                f"agents 0 to {self.n_agents - 1} must each be there once; these answered: {answered}"
            )
        self.nodes = [found[agent].metadata.src_node_id for agent in range(self.n_agents)]
        self.starts = [found[agent].content.array_records[m.ARRAYS] for agent in range(self.n_agents)]
        return self.starts[0]

    def arrays_for(self, agent: int, round_: int, arrays: ArrayRecord) -> ArrayRecord:
        """Return what agent is sent at a round's beginning: the aggregate, or its own first parameters."""
        own_start = round_ == 1 and not self.settings.common_start
        return self.starts[agent] if own_start else arrays

    # What a strategy owns from round to round, beside the aggregated parameters

    def state(self) -> dict[str, NDArray[Any]]:
        """Return named arrays for a checkpoint: what is aggregated beside the parameters, the server's moments.

        The parameters that the next round begins with are not among them: Flower has them (`Strategy.start`).
        """
        moments = self._optimiser.state() if self._optimiser is not None else {}
        beside = {name: array.numpy() for name, array in self._beside.arrays.items()}
        return beside | {SERVER + name: value for name, value in moments.items()}

    def load_state(self, named: Mapping[str, NDArray[Any]]) -> None:
        """Replace what the strategy owns by what `state` returned; empty: as before the first round."""
        moments = {name.removeprefix(SERVER): value for name, value in named.items() if name.startswith(SERVER)}
        self._beside.arrays = {name: Array(value) for name, value in named.items() if not name.startswith(SERVER)}
        if self._optimiser is not None:
            self._optimiser.load_state(moments)

    # The round, as Flower's Strategy.start goes through it

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Tell every agent to train for aggregation_interval steps from the shared parameters."""
        self.record = RoundRecord(self.first_round + server_round - 1)
        self._grid, self._begun_with = grid, arrays
        plan: Plan = {
            m.ROUND: self.record.number,
            m.TRAINING_STEPS: self.settings.aggregation_interval,
            m.ENV_STEPS: self.env_steps,
            m.TIE_GRADIENTS: self.tie_gradients,
            m.PROXIMAL_MU: float(self.settings.proximal_mu),
            m.RESET_MOMENTS: self.settings.adam_moments == "reset",
        }
        return [self._message(agent, arrays, plan, MessageType.TRAIN) for agent in range(self.n_agents)]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Weigh together what the agents return, in agent order and in float64; then take the server's step.

        The server optimiser moves the parameters alone: what is aggregated beside them stays a weighted average.
        """
        by_agent = self._by_agent(replies)
        contents = [reply.content.array_records[m.ARRAYS] for reply in by_agent]
        networks = [online(content) for content in contents]
        metrics = [_metrics(reply) for reply in by_agent]
        self._note(metrics, contents)
        if self.evaluate_around:
            self._evaluate_own_networks()
        record = self.record
        record.rewards = self.rewards(metrics, networks)
        record.weights = self.weights(record.rewards)
        aggregated = self._beside.take_from(self.combine(contents, record.weights))
        record.distances = mean_distances(networks)
        if self._optimiser is not None:
            aggregated = self._optimiser.step(record.number, self._begun_with, aggregated)
        return aggregated, MetricRecord({"weights": list(record.weights)})

    def combine(self, contents: Sequence[ArrayRecord], weights: Sequence[float]) -> ArrayRecord:
        """Return the aggregate of what agents returned, of the same names, shapes and types: their weighted sum.

        contents, weights: of the agents that count in this round, in agent order. `strategy.clip_update` bounds their
        updates. An override whose result is no such sum writes each agent's true share into `record.weights`.
        Raises FederationError when the agents' arrays cannot be aggregated.
        """
        begun_with = self._beside.put_to(self._begun_with)
        return aggregate(clipped(contents, begun_with, self.settings.clip_update), weights)

    def rewards(self, metrics: Sequence[MetricRecord], contents: Sequence[ArrayRecord]) -> list[float]:
        """Return R_i: what agent i itself earned in the round."""
        return [float(cast(float, one[m.ACCUMULATED_REWARD])) for one in metrics]

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Let the team play greedy episodes with what it would now train from, when an evaluation is due."""
        due = self.evaluate_around or self.record.env_step - self.last_evaluation >= self.evaluate_every
        if not due and self.record.env_step < self.env_steps:
            return []
        return self._evaluation(arrays, m.AGGREGATE, self.evaluate_for)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """Take down the team's win rates; all agents saw the same battles."""
        replies = list(replies)
        if not replies:
            return None
        metrics = _metrics(self._by_agent(replies)[0])
        self.last_evaluation = self.record.env_step
        self.record.broken += int(cast(int, metrics[m.BROKEN]))
        self.evaluations += 1
        won, lengths = (_by_kind(metrics, name, self.evaluate_for) for name in (m.WIN_RATE, m.EPISODE_LENGTH))
        self.record.evaluation = {"test_battle_won_mean": won[0], "test_ep_length_mean": lengths[0]}
        if len(self.evaluate_for) > 1:
            self.record.evaluation["test_fixed_battle_won_mean"] = won[1]
        return metrics

    def _evaluate_own_networks(self) -> None:
        """Let every agent play the next evaluation's episodes with the network that it has just trained."""
        questions = self._evaluation(ArrayRecord(), m.OWN_NETWORKS, self.evaluate_for[:1])
        metrics = _metrics(self._by_agent(self._ask(self._grid, questions))[0])
        self.record.broken += int(cast(int, metrics[m.BROKEN]))
        self.record.won_before = _by_kind(metrics, m.WIN_RATE, self.evaluate_for[:1])[0]
        self.evaluated_before()

    # Messages

    def _evaluation(self, arrays: ArrayRecord, index: int, purposes: Sequence[Purpose]) -> list[Message]:
        plan: Plan = {
            m.ROUND: self.record.number,
            m.INDEX: index,
            m.FIRST_EPISODE: self.evaluations * self.evaluate_episodes,
            m.EPISODES: self.evaluate_episodes,
            m.PURPOSES: [purpose.value for purpose in purposes],
        }
        return [self._message(agent, arrays, plan, MessageType.EVALUATE) for agent in range(self.n_agents)]

    def _message(self, agent: int, arrays: ArrayRecord, plan: Plan, message_type: str) -> Message:
        training = message_type == MessageType.TRAIN  # evaluations show what was aggregated, in round 1 too
        sent = self._beside.put_to(self.arrays_for(agent, self.record.number, arrays)) if training else arrays
        self.record.bytes_down += array_bytes(sent)
        content = RecordDict({m.ARRAYS: ArrayRecord(dict(sent)), m.PLAN: ConfigRecord(dict(plan))})
        return Message(content, self.nodes[agent], message_type, group_id=str(self.record.number))

    def _ask(self, grid: Grid, questions: list[Message]) -> list[Message]:
        replies = list(grid.send_and_receive(questions))
        for reply in replies:
            if reply.has_error():
                raise FederationError(f"node {reply.metadata.src_node_id} failed: {reply.error.reason}")
        return replies

    def _by_agent(self, replies: Iterable[Message]) -> list[Message]:
        """Put replies in agent order. Raises FederationError when one is missing, doubled or says it failed."""
        replies = list(replies)
        found = {reply.metadata.src_node_id: reply for reply in replies}
        for agent, node in enumerate(self.nodes):
            if sum(reply.metadata.src_node_id == node for reply in replies) > 1:
                raise FederationError(f"agent {agent} answered twice in round {self.record.number}")
            if node not in found:
                raise FederationError(f"agent {agent} did not answer in round {self.record.number}")
            if found[node].has_error():
                reason = found[node].error.reason
                raise FederationError(f"agent {agent} failed in round {self.record.number}: {reason}")
        return [found[node] for node in self.nodes]

    def _note(self, metrics: Sequence[MetricRecord], contents: Sequence[ArrayRecord]) -> None:
        first, record = metrics[0], self.record
        record.env_step = int(cast(int, first[m.ENV_STEP]))
        record.train_step = int(cast(int, first[m.TRAIN_STEP]))
        record.episode = int(cast(int, first[m.EPISODE]))
        record.epsilon = float(cast(float, first[m.EPSILON]))
        record.broken += int(cast(int, first[m.BROKEN]))
        record.bytes_up += sum(map(array_bytes, contents))


def _metrics(reply: Message) -> MetricRecord:
    return reply.content.metric_records[m.METRICS]


def _by_kind(metrics: MetricRecord, name: str, kinds: Sequence[Purpose]) -> list[float]:
    """Return a metric of agent 0 for each kind of battles. Raises FederationError for another number of values."""
    values = metrics[name]
    if not isinstance(values, list) or len(values) != len(kinds):
        raise FederationError(f"agent 0 returned {name}={values!r}, expected a list of {len(kinds)}")
    return [float(value) for value in values]
