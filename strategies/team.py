"""The base class of all strategies: a fixed team, named shared layers, a record per round.

    theta_i <- sum_j W_ij theta_j        for each agent i and each shared parameter

A strategy is a Flower FedAvg that gives W: by `weights`, when all rows are equal, or by `mixing_matrix`. Its messages
determine which parameters are shared: an agent loads and returns exactly the parameters that a message names. Between
two rounds the team's parameters are one record, in which agents with equal values have one array (core.team_arrays).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg
from numpy.typing import NDArray

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.array_names import BUFFER, INITIAL, PLACES
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.facts import Counted, Facts, Know
from fedqmix.runtime.core.team_arrays import of_agent
from fedqmix.runtime.core.world import Purpose
from fedqmix.strategies.absence import comparable_returns, examples_of, playing
from fedqmix.strategies.aggregation import array_bytes, require_finite, spread
from fedqmix.strategies.beside import Beside, online
from fedqmix.strategies.clipping import clipped
from fedqmix.strategies.distance import mean_distances
from fedqmix.strategies.faults import Faults
from fedqmix.strategies.known import Known, evaluated, played, trained, training_counts
from fedqmix.strategies.method import GradientPlaces, Method, mixing_of
from fedqmix.strategies.questions import Plan, ask, evaluation_plan, joined, question, train_plan
from fedqmix.strategies.record import RoundRecord
from fedqmix.strategies.replies import arrays_of, in_agent_order, wrong_figures_in, wrong_updates
from fedqmix.strategies.server_optimiser import server_optimiser
from fedqmix.strategies.settings import StrategySettings

SERVER = "server."
"""Prefix of the server optimiser's moments among the arrays of `TeamStrategy.state`."""


class TeamStrategy(Method, FedAvg):
    """Base class of all strategies: the rounds of a team, around the decisions of a `Method`.

    settings: the strategy's configuration. n_agents: size of the team; every agent takes part in every round.
    env_steps: environment steps at which the run ends, passed to the agents. first_round: number of the first round
    (> 1 in a resumed run).
    evaluate_every: environment steps between evaluations. evaluate_episodes: greedy episodes of each purpose in
    evaluate_for; the first purpose gives the run's score. evaluate_around: evaluate at every round's end, and evaluate
    the first purpose with the agents' own networks too, just before aggregation.

    facts: function that returns the counts of world and mixer for the messages answered last; set by the builder.
    evaluated_before: called after the evaluation of the agents' own networks, when the mixer has its returns.
    env_step: environment steps of the run so far; set in a resumed run.
    """

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
        self.initial: Mapping[str, NDArray[Any]] = {}  # first parameters by name, [agents, ...]; empty: the agents' own
        self.facts: Know = _nothing_known
        self.env_step = 0
        self.last_evaluation = 0  # environment step
        self.evaluations = 0
        self.record = RoundRecord(first_round - 1)
        self.faults = Faults(settings, n_agents)
        self.absent: tuple[int, ...] = ()  # agents without a fault that existed in no episode of this round
        self._beside = Beside(settings)
        self._optimiser = server_optimiser(settings)
        self._begun_with = ArrayRecord()  # the parameters at the round's start

    # The team and its first parameters

    def join(self, grid: Grid) -> ArrayRecord:
        """Ask all nodes for their agent index; return agent 0's shared parameters, the first arrays.

        Raises FederationError unless the nodes are exactly the agents 0 .. n_agents - 1.
        """
        self.nodes, self.starts = joined(grid, self.settings, self.n_agents)
        if self.initial:
            own = enumerate(self.starts)
            self.starts = [ArrayRecord({name: Array(self.initial[name][agent]) for name in of}) for agent, of in own]
        return self.starts[0]

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
        self._beside.load({name: Array(value) for name, value in named.items()})
        if self._optimiser is not None:
            self._optimiser.load_state(moments)

    # The round, in the order of Flower's Strategy.start

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return the messages that train every agent for aggregation_interval training steps."""
        self.record = RoundRecord(self.first_round + server_round - 1)
        self._grid, self._begun_with = grid, arrays
        places = self.gradient_places()
        tied = self.tie_gradients or places is not None
        plan = train_plan(self.settings, self.record.number, self.env_steps, tied)
        return [self._training(agent, plan, places) for agent in range(self.n_agents)]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Check and aggregate the agents' replies, then take the server optimiser's step.

        An aggregate is a weighted sum in agent order and float64. Agents whose arrays or metrics fail the checks are
        left out, and so are agents that existed in no episode of the round (strategies.absence). The server optimiser
        changes the parameters alone; target networks and moments stay weighted averages.
        """
        by_agent = self._by_agent(replies)
        facts = self.facts()
        self._note(facts, by_agent)
        sent = [self._sent(agent) for agent in range(self.n_agents)]
        counts = training_counts(facts, self.n_agents)
        kept, self.absent = playing(self._kept(by_agent, facts, sent), counts)
        self.examples = examples_of(kept, counts)
        contents = [arrays_of(by_agent[agent]) for agent in kept]
        networks = [online(content) for content in contents]
        if self.evaluate_around:
            self._evaluate_own_networks()
        record = self.record
        rewards = self.rewards(comparable_returns(kept, counts), networks)
        record.distances = self.distances(dict(zip(kept, networks, strict=True)))
        bounded = clipped(contents, [sent[agent] for agent in kept], self.settings.clip_update)
        for agent in self.absent:  # where nothing is averaged, it keeps what it learned from earlier episodes
            sent[agent] = arrays_of(by_agent[agent])
        team = self.mixed(dict(zip(kept, bounded, strict=True)), dict(zip(kept, rewards, strict=True)), sent)
        aggregated = self._beside.take_from(require_finite(team, record.number))
        record.rewards, record.weights = (spread(own, kept, self.n_agents) for own in (rewards, record.weights))
        if self._optimiser is not None:
            aggregated = self._optimiser.step(record.number, self._begun_with, aggregated)
        return aggregated, MetricRecord({"weights": list(record.weights)})

    def mixed(
        self, contents: Mapping[int, ArrayRecord], rewards: Mapping[int, float], sent: Sequence[ArrayRecord]
    ) -> ArrayRecord:
        """Return the team's arrays after mixing, and record each agent's mean share (`record.weights`).

        contents, rewards: agent -> its arrays and R_i, of the agents that count. sent: [agents], what each was sent.
        """
        first = online(next(iter(contents.values())))
        mixing = mixing_of(self, {name: tuple(array.shape) for name, array in first.items()}, rewards)
        self.record.weights = mixing.shares  # combine may replace them by the agents' true shares
        if mixing.one_row is not None:
            return self.combine(list(contents.values()), mixing.one_row)
        return mixing.mix(contents, sent)

    def distances(self, contents: Mapping[int, ArrayRecord]) -> dict[str, float]:
        """Return the mean distance of two agents by parameter name. contents: agent -> its parameters."""
        return mean_distances(list(contents.values()))

    def figures(self) -> Mapping[str, Any]:
        """Return what the run's summary says of the strategy, as JSON values; by default nothing."""
        return {}

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
        (counted,) = self._evaluated(ask(self._grid, questions), self.evaluate_for[:1])
        self.record.won_before = counted.win_rate
        self.evaluated_before()

    # Checks of the replies

    def _kept(self, replies: Sequence[Message], facts: Facts, sent: Sequence[ArrayRecord]) -> list[int]:
        """Return the agents whose updates count. sent: [agents], what each was sent to train.

        Raises FederationError when no update is left, and as `Faults.refuse` does.
        """
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

    def _training(self, agent: int, plan: Plan, places: GradientPlaces | None) -> Message:
        """Return the message that trains one agent; its plan declares buffers and first personal parameters."""
        kept = dict(self.buffers(agent, self.record.number))
        if places is not None:
            plan = {**plan, m.POOLED_SIZE: places.size}
            kept |= {PLACES + name: value for name, value in places.places[agent].items()}
        buffers = {BUFFER + name: Array(value) for name, value in kept.items()}
        sent = self._sent(agent)
        first = self.initial if self.record.number == 1 else {}
        personal = {INITIAL + name: Array(value[agent]) for name, value in first.items() if name not in sent}
        declared: Plan = {m.BUFFERS: list(buffers)} if buffers else {}
        declared = {**declared, m.INITIAL: list(personal)} if personal else declared
        return self._message(agent, MessageType.TRAIN, dict(sent) | buffers | personal, {**plan, **declared})

    def _evaluation(self, team: ArrayRecord, index: int, purposes: Sequence[Purpose]) -> list[Message]:
        """Return an evaluation's messages. team: the networks to be played, also in round 1; empty: the agents' own."""
        first = self.evaluations * self.evaluate_episodes
        plan = evaluation_plan(self.record.number, index, first, self.evaluate_episodes, purposes)
        agents = range(self.n_agents)
        return [self._message(agent, MessageType.EVALUATE, of_agent(team, agent), plan) for agent in agents]

    def _message(self, agent: int, kind: str, arrays: Mapping[str, Array], plan: Plan) -> Message:
        self.record.bytes_down += array_bytes(arrays)
        return question(self.nodes[agent], kind, self.record.number, arrays, plan)

    def _sent(self, agent: int) -> ArrayRecord:
        """Return all arrays that an agent is sent for training in this round."""
        begun_with = ArrayRecord(of_agent(self._begun_with, agent))
        return self._beside.put_to(self.arrays_for(agent, self.record.number, begun_with), agent)

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
