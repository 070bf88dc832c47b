"""The base class of all strategies: a fixed team, named shared layers, a record per round.

A strategy is a Flower FedAvg that implements `weights`. Its messages determine which parameters are shared: an agent
loads and returns exactly the parameters that a message names.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg
from numpy.typing import NDArray

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.array_names import PREFIXES
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.facts import Counted, Facts, Know
from fedqmix.runtime.core.world import Purpose
from fedqmix.strategies.aggregation import aggregate, array_bytes, require_finite, spread
from fedqmix.strategies.beside import Beside, online
from fedqmix.strategies.clipping import clipped
from fedqmix.strategies.distance import mean_distances
from fedqmix.strategies.faults import Faults
from fedqmix.strategies.known import Known, evaluated, played, trained, training_counts
from fedqmix.strategies.record import RoundRecord
from fedqmix.strategies.replies import (
    agent_of,
    arrays_of,
    in_agent_order,
    require_like_starts,
    wrong_figures_in,
    wrong_updates,
)
from fedqmix.strategies.server_optimiser import server_optimiser
from fedqmix.strategies.settings import StrategySettings

Plan = Mapping[str, int | float | bool | list[str]]
"""The instructions in a message, by the names of runtime.core.messages."""
SERVER = "server."
"""Prefix of the server optimiser's moments among the arrays of `TeamStrategy.state`."""


class TeamStrategy(FedAvg):
    """Base class of all strategies.

    settings: the strategy's configuration. n_agents: size of the team; every agent takes part in every round.
    env_steps: environment steps at which the run ends, passed to the agents. first_round: number of the first round
    (> 1 in a resumed run).
    evaluate_every: environment steps between evaluations. evaluate_episodes: greedy episodes of each purpose in
    evaluate_for; the first purpose gives the win rate. evaluate_around: evaluate at every round's end, and evaluate the
    first purpose with the agents' own networks too, just before aggregation.

    facts: function that returns the counts of world and mixer for the messages answered last; set by the builder.
    evaluated_before: called after the evaluation of the agents' own networks, when the mixer has its returns.
    env_step: environment steps of the run so far; set in a resumed run.
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
        self.facts: Know = _nothing_known
        self.env_step = 0
        self.last_evaluation = 0  # environment step
        self.evaluations = 0
        self.record = RoundRecord(first_round - 1)
        self.faults = Faults(settings, n_agents)
        self._beside = Beside(settings)
        self._optimiser = server_optimiser(settings)
        self._begun_with = ArrayRecord()  # the parameters at the round's start

    @abstractmethod
    def weights(self, rewards: Sequence[float]) -> list[float]:
        """Return the agents' weights in the aggregate; they sum to 1.

        rewards: [agents], R_i of this round.
        """

    # The team and its first parameters

    def join(self, grid: Grid) -> ArrayRecord:
        """Ask all nodes for their agent index; return agent 0's shared parameters, the first arrays.

        Raises FederationError unless the nodes are exactly the agents 0 .. n_agents - 1.
        """
        question = ConfigRecord({m.SHARED: list(self.settings.shared)})
        replies = self._ask(
            grid, [Message(RecordDict({m.PLAN: question}), node, m.JOIN) for node in sorted(grid.get_node_ids())]
        )
        found = {agent_of(reply): reply for reply in replies}
        if sorted(found) != list(range(self.n_agents)) or len(replies) != self.n_agents:
            answered = sorted(map(agent_of, replies))
            raise FederationError(
                f"agents 0 to {self.n_agents - 1} must each be there once; these answered: {answered}"
            )
        self.nodes = [found[agent].metadata.src_node_id for agent in range(self.n_agents)]
        self.starts = [arrays_of(found[agent]) for agent in range(self.n_agents)]
        require_like_starts(self.starts, self.settings.max_update)
        return self.starts[0]

    def arrays_for(self, agent: int, round_: int, arrays: ArrayRecord) -> ArrayRecord:
        """Return an agent's parameters at a round's start: the aggregate, or its own first ones."""
        own_start = round_ == 1 and not self.settings.common_start
        return self.starts[agent] if own_start else arrays

    # State between rounds, beside the aggregated parameters

    def state(self) -> dict[str, NDArray[Any]]:
        """Return named arrays for a checkpoint: targets, moments of agents and server, refusals.

        The next round's first parameters are not among them: Flower keeps these (`Strategy.start`).
        """
        moments = self._optimiser.state() if self._optimiser is not None else {}
        beside = {name: array.numpy() for name, array in self._beside.arrays.items()}
        return beside | {SERVER + name: value for name, value in moments.items()} | self.faults.state()

    def load_state(self, named: Mapping[str, NDArray[Any]]) -> None:
        """Load what `state` returned; an empty mapping restores the state before the first round."""
        self.faults.load_state(named)
        moments = {name.removeprefix(SERVER): value for name, value in named.items() if name.startswith(SERVER)}
        self._beside.arrays = {name: Array(value) for name, value in named.items() if name.startswith(PREFIXES)}
        if self._optimiser is not None:
            self._optimiser.load_state(moments)

    # The round, in the order of Flower's Strategy.start

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return the messages that train every agent for aggregation_interval training steps."""
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
        """Check and aggregate the agents' replies, then take the server optimiser's step.

        The aggregate is a weighted sum in agent order and float64. Agents whose arrays or metrics fail the checks are
        left out. The server optimiser changes the parameters alone; target networks and moments stay weighted averages.
        """
        by_agent = self._by_agent(replies)
        facts = self.facts()
        self._note(facts, by_agent)
        kept = self._kept(by_agent, facts)
        contents = [arrays_of(by_agent[agent]) for agent in kept]
        networks = [online(content) for content in contents]
        if self.evaluate_around:
            self._evaluate_own_networks()
        record = self.record
        individual_returns = training_counts(facts, self.n_agents).individual_returns
        rewards = self.rewards([individual_returns[agent] for agent in kept], networks)
        record.weights = self.weights(rewards)  # combine may replace them by the agents' true shares
        aggregated = require_finite(self._beside.take_from(self.combine(contents, record.weights)), record.number)
        record.rewards, record.weights = (spread(own, kept, self.n_agents) for own in (rewards, record.weights))
        record.distances = mean_distances(networks)
        if self._optimiser is not None:
            aggregated = self._optimiser.step(record.number, self._begun_with, aggregated)
        return aggregated, MetricRecord({"weights": list(record.weights)})

    def combine(self, contents: Sequence[ArrayRecord], weights: Sequence[float]) -> ArrayRecord:
        """Return the weighted sum of the agents' arrays, with the same names, shapes and types.

        contents, weights: of the agents that count in this round, in agent order. `strategy.clip_update` bounds their
        updates. An override with another arithmetic writes each agent's true share into `record.weights`.
        Raises FederationError when the agents' arrays cannot be aggregated.
        """
        begun_with = self._beside.put_to(self._begun_with)
        return aggregate(clipped(contents, begun_with, self.settings.clip_update), weights)

    def rewards(self, individual_returns: Sequence[float], contents: Sequence[ArrayRecord]) -> list[float]:
        """Return R_i of the agents whose updates count; by default their individual returns.

        individual_returns: of these agents in the round, as the world counted. contents: their parameters.
        """
        return list(individual_returns)

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return an evaluation's messages, with the next round's parameters; none when not due."""
        due = self.evaluate_around or self.record.env_step - self.last_evaluation >= self.evaluate_every
        if not due and self.record.env_step < self.env_steps:
            return []
        return self._evaluation(arrays, m.AGGREGATE, self.evaluate_for)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """Record an evaluation's win rates, equal for all agents: they play the same episodes."""
        replies = list(replies)
        if not replies:
            return None
        counted = self._evaluated(replies, self.evaluate_for)
        self.last_evaluation = self.record.env_step
        self.evaluations += 1
        self.record.evaluation = {
            "test_battle_won_mean": counted[0].win_rate,
            "test_ep_length_mean": counted[0].mean_length,
        }
        if len(counted) > 1:
            self.record.evaluation["test_fixed_battle_won_mean"] = counted[1].win_rate
        return MetricRecord({m.WIN_RATE: [one.win_rate for one in counted]})

    def _evaluate_own_networks(self) -> None:
        """Evaluate the agents' networks before aggregation, on the episodes of the next evaluation."""
        questions = self._evaluation(ArrayRecord(), m.OWN_NETWORKS, self.evaluate_for[:1])
        (counted,) = self._evaluated(self._ask(self._grid, questions), self.evaluate_for[:1])
        self.record.won_before = counted.win_rate
        self.evaluated_before()

    # Checks of the replies

    def _kept(self, replies: Sequence[Message], facts: Facts) -> list[int]:
        """Return the agents whose updates count.

        Raises FederationError when no update is left, and as `Faults.refuse` does.
        """
        sent = [self._sent(agent, self._begun_with) for agent in range(self.n_agents)]
        found = wrong_updates(replies, sent, trained(facts, self.env_step, self.n_agents), self.settings.max_update)
        if facts.learned is not None:
            found |= facts.learned.faults
        self.faults.refuse(found, self.record.number)
        kept = [agent for agent in range(self.n_agents) if agent not in found]
        if not kept:
            raise FederationError(f"no agent's update is left in round {self.record.number}. The run can be resumed.")
        return kept

    def _evaluated(self, replies: Iterable[Message], purposes: Sequence[Purpose]) -> list[Counted]:
        """Return the world's counts by purpose; refuse agents that report other figures."""
        counted = played(self.facts(), purposes)
        self.record.broken += sum(one.broken for one in counted)
        self._compare(self._by_agent(replies), [evaluated(counted)] * self.n_agents)
        return counted

    def _compare(self, replies: Sequence[Message], known: Sequence[Known]) -> None:
        """Refuse the agents whose reported metrics differ from the known ones.

        replies, known: [agents].
        """
        self.faults.refuse(wrong_figures_in(replies, known), self.record.number, "Its figures do not count")

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
        training = message_type == MessageType.TRAIN  # evaluations use the aggregate, in round 1 too
        sent = self._sent(agent, arrays) if training else arrays
        self.record.bytes_down += array_bytes(sent)
        content = RecordDict({m.ARRAYS: ArrayRecord(dict(sent)), m.PLAN: ConfigRecord(dict(plan))})
        return Message(content, self.nodes[agent], message_type, group_id=str(self.record.number))

    def _sent(self, agent: int, arrays: ArrayRecord) -> ArrayRecord:
        """Return all arrays that an agent is sent for training in this round."""
        return self._beside.put_to(self.arrays_for(agent, self.record.number, arrays))

    def _ask(self, grid: Grid, questions: list[Message]) -> list[Message]:
        replies = list(grid.send_and_receive(questions))
        for reply in replies:
            if reply.has_error():
                raise FederationError(f"node {reply.metadata.src_node_id} failed: {reply.error.reason}")
        return replies

    def _by_agent(self, replies: Iterable[Message]) -> list[Message]:
        return in_agent_order(replies, self.nodes, self.record.number)

    def _note(self, facts: Facts, replies: Sequence[Message]) -> None:
        record, learned, counted = self.record, facts.learned, training_counts(facts, self.n_agents)
        self.env_step += counted.env_steps
        record.env_step = self.env_step
        if learned is not None:
            record.train_step, record.episode = learned.train_steps, learned.episodes
        record.broken += counted.broken
        record.bytes_up += sum(array_bytes(arrays_of(reply)) for reply in replies)


def _nothing_known() -> Facts:
    raise FederationError(
        "the strategy has no source of facts: set its attribute `facts` (fedqmix.runtime.core.facts.Know)."
    )
