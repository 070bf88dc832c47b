"""Properties of every strategy, as a base class of tests (needs pytest and hypothesis):

    class TestMyStrategy(StrategyProperties):
        strategy = MyStrategy

A team with toy networks runs real rounds over an in-process Grid: `strategy.start` and Flower's messages, without
training. docs/strategies.md has an example.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, ClassVar

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedqmix.conf.registry import make_settings
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.array_names import BUFFER, EXP_AVG_SQ
from fedqmix.runtime.core.facts import Counted, Facts, Learned
from fedqmix.runtime.core.team_arrays import of_agent
from fedqmix.runtime.core.world import Purpose
from fedqmix.strategies import OWN, STRATEGIES, TeamStrategy
from fedqmix.strategies.local_grid import LocalGrid

PARAMETERS = {"fc.weight": (2, 3), "gru.weight_hh": (3, 2), "head.weight": (3, 2), "head.bias": (2,)}
"""The toy networks' parameters and shapes, named like the real ones."""

Network = dict[str, NDArray[np.float32]]

REWARDS = st.lists(st.one_of(st.floats(-1e4, 1e4), st.floats(0, 1e4), st.just(0.0)), min_size=1, max_size=6)
EXAMPLES = settings(
    max_examples=settings().max_examples // 5,  # of the loaded profile's: an example is whole rounds
    deadline=None,  # Flower's first message is slow
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.differing_executors],  # the tests are inherited
)


@dataclass
class ToyTeam:
    """Agents with toy networks; a training round adds `gains[i]` to agent i's parameters.

    Second moments grow by its absolute value.

    starts: [agents], first value of all parameters. rewards: [agents], individual return of a round.
    received, returned: [agents], the names of all parameters ever sent to and by an agent.
    """

    starts: Sequence[float]
    gains: Sequence[float]
    rewards: Sequence[float]
    networks: list[Network] = field(init=False)
    received: list[set[str]] = field(init=False)
    returned: list[set[str]] = field(init=False)
    rounds: int = 0
    last: Purpose = Purpose.TRAINING

    def __post_init__(self) -> None:
        self.networks = [
            {name: np.full(shape, start, np.float32) for name, shape in PARAMETERS.items()} for start in self.starts
        ]
        self.received, self.returned = [set() for _ in self.starts], [set() for _ in self.starts]

    def answer(self, questions: Sequence[Message]) -> list[Message]:
        """Answer one message for each agent."""
        self.rounds += questions[0].metadata.message_type == MessageType.TRAIN
        return [self._reply(agent, question) for agent, question in enumerate(questions)]

    def facts(self) -> Facts:
        """Return the last messages' counts: an episode, of 1 environment step in training, else 0."""
        steps = int(self.last is Purpose.TRAINING)
        counted = Counted(1, 0, steps, 0, tuple(float(reward) for reward in self.rewards))
        return Facts({self.last: counted}, Learned(self.rounds, self.rounds))

    def _reply(self, agent: int, question: Message) -> Message:
        network, kind = self.networks[agent], question.metadata.message_type
        if kind == m.JOIN:
            patterns = [str(one) for one in _list(question.content.config_records[m.PLAN][m.SHARED])]
            names = [name for name in network if any(fnmatch.fnmatchcase(name, one) for one in patterns)]
            return self._reply_with(agent, question, names, {m.AGENT: agent})
        arrays = question.content.array_records[m.ARRAYS]
        sent = {name: array.numpy() for name, array in arrays.items() if not name.startswith(BUFFER)}
        self.received[agent] |= set(sent)
        self.last = Purpose.TRAINING if kind == MessageType.TRAIN else Purpose.POLICY
        counters = {m.ENV_STEP: self.rounds, m.TRAIN_STEP: self.rounds, m.EPISODE: self.rounds, m.BROKEN: 0}
        individual_returns = {m.ACCUMULATED_REWARD: float(self.rewards[agent]), m.NUM_EXAMPLES: 1}
        if kind == MessageType.TRAIN:
            network |= {name: value.copy() for name, value in sent.items()}
            for name in network:
                gain = np.float32(self.gains[agent])
                network[name] = network[name] + (abs(gain) if name.startswith(EXP_AVG_SQ) else gain)
            return self._reply_with(agent, question, list(sent), counters | individual_returns)
        return self._reply_with(agent, question, [], counters | individual_returns)  # of a policy

    def _reply_with(self, agent: int, question: Message, names: Sequence[str], metrics: dict[str, Any]) -> Message:
        self.returned[agent] |= set(names)
        arrays = ArrayRecord({name: Array(self.networks[agent][name]) for name in names})
        return Message(RecordDict({m.ARRAYS: arrays, m.METRICS: MetricRecord(metrics)}), reply_to=question)


class StrategyProperties:
    """Base class of a strategy's tests: set `strategy` in a subclass, which pytest collects.

    strategy: the class under test. shared: its default patterns of strategy.shared; [] when it aggregates nothing.
    changes: settings that differ from the defaults of `make`; `changes_for` may compute them.
    least_agents: the smallest team that the strategy supports; smaller teams are filled up, with repeated rewards.
    """

    strategy: ClassVar[type[TeamStrategy]]
    shared: ClassVar[Sequence[str]] = ("*",)
    changes: ClassVar[dict[str, Any]] = {}
    least_agents: ClassVar[int] = 1

    def filled(self, rewards: Sequence[float]) -> list[float]:
        """Return rewards for a team of at least least_agents, repeated in order."""
        return list(islice(cycle(rewards), max(len(rewards), self.least_agents)))

    def changes_for(self, order: Sequence[int]) -> dict[str, Any]:
        """Return the settings of a team that differ from the defaults of `make`; by default `changes`.

        order: [agents], a permutation of 0 .. n - 1. Settings that name agents (strategy.clusters) name them by their
        place: agent order[k] of the test is agent k of the strategy.
        """
        return self.changes

    def make(self, order: Sequence[int], shared: Sequence[str] | None = None) -> TeamStrategy:
        """Build the strategy for a team. order: as in `changes_for`. shared: patterns that replace the class's own."""
        values: dict[str, Any] = {
            "aggregation_interval": 1,
            "shared": list(self.shared if shared is None else shared),
            "reward": "individual",
            "max_weight": 1.0,
            "policy_episodes": 1,
            "common_start": False,
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
            "max_update": None,
            "on_fault": "stop",
            "max_faults": 0,
            "byzantine": 1,
            "krum_select": 1,
            "clip_update": None,
            "clusters": None,
            "keep": 1.0,
            "masks": "mapped",
            "every_step": False,
            "identity_episodes": 1,
            "identity_steps": 10,
            "identity_batch": 1,
            "identity_latent": 1,
            "identity_kl": 0.0,
            "identity_average_every": 0,
            "identity_converged": 0.0,
            "identity_silhouette": 0.0,
            "smallest_cluster": 1,
        }
        name = next((name for name, one in STRATEGIES.items() if one is self.strategy), OWN)
        chosen = make_settings("strategy", name, values, self.changes_for(order))
        return self.strategy(chosen, len(order), env_steps=10**6, evaluate_every=10**6, evaluate_episodes=1)

    def federate(
        self,
        team: ToyTeam,
        shared: Sequence[str] | None = None,
        rounds: int = 1,
        order: Sequence[int] | None = None,
    ) -> list[Network]:
        """Run rounds with a team; return each agent's last aggregate: [agents].

        order: as in `changes_for`; by default 0 .. n - 1.
        """
        agents = range(len(team.starts))
        strategy, grid = self.make(agents if order is None else order, shared), LocalGrid(len(agents), team.answer)
        strategy.facts = team.facts
        result = strategy.start(grid=grid, initial_arrays=strategy.join(grid), num_rounds=rounds)
        own = [of_agent(result.arrays, agent) for agent in agents]
        return [{name: array.numpy() for name, array in one.items()} for one in own]

    def matrix(self, rewards: Sequence[float], name: str, order: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Return the mixing matrix of a parameter: [agents, agents]. order: as in `changes_for`."""
        strategy = self.make(range(len(rewards)) if order is None else order)
        return np.array(strategy.mixing_matrix(name, dict(enumerate(rewards))), np.float64)

    @given(REWARDS)
    @EXAMPLES
    def test_rows_sum_to_1(self, rewards: list[float]) -> None:
        """Any rewards give, for each parameter, a row of weights for each agent, from 0 to 1, with sum 1."""
        rewards = self.filled(rewards)
        if not self.shared:
            weights = self.make(range(len(rewards))).weights(rewards)
            assert not weights, "nothing is aggregated, so there are no weights"
            return
        for name in team_shared(self.shared):
            matrix = self.matrix(rewards, name)
            assert matrix.shape == (len(rewards), len(rewards)), "one row for each agent, one weight for each in a row"
            for agent, row in enumerate(matrix):
                assert ((row >= 0) & (row <= 1)).all(), f"weights from 0 to 1, not {row} in row {agent} of {name}"
                assert math.isclose(math.fsum(row), 1, abs_tol=1e-9), f"row {agent} of {name} sums to {math.fsum(row)}"

    @given(REWARDS, st.randoms(use_true_random=False))
    @EXAMPLES
    def test_the_order_of_agents_does_not_matter(self, rewards: list[float], random: Any) -> None:
        """A permutation of the agents permutes the mixing matrices and the agents' aggregates."""
        rewards = self.filled(rewards)
        order = list(range(len(rewards)))
        random.shuffle(order)
        results = []
        for agents in (list(range(len(rewards))), order):
            gains, own = [0.5 + agent for agent in agents], [rewards[agent] for agent in agents]
            results.append(self.federate(ToyTeam([1.0] * len(agents), gains, own), order=agents))
        for place, agent in enumerate(order):
            _assert_close(results[1][place], results[0][agent], "the aggregate depends on the agents' numbers")
        for name in team_shared(self.shared):
            permuted = self.matrix([rewards[agent] for agent in order], name, order)
            expected = self.matrix(rewards, name)[np.ix_(order, order)]
            assert np.allclose(permuted, expected, atol=1e-9), f"weights {permuted} are not {expected} for {name}"

    @given(REWARDS)
    @EXAMPLES
    def test_personal_names_are_untouched(self, rewards: list[float]) -> None:
        """Parameters that strategy.shared does not name are never sent and stay with each agent."""
        rewards = self.filled(rewards)
        shared = ["head.*"] if self.shared else []
        personal = {name for name in PARAMETERS if not shared or not name.startswith("head.")}
        team = ToyTeam([float(agent) for agent in range(len(rewards))], [0.25] * len(rewards), rewards)
        result = self.federate(team, shared, rounds=2)
        for one in result:
            assert not personal & set(one), f"{personal & set(one)} were aggregated"
        for agent, network in enumerate(team.networks):
            leaked = personal & (team.received[agent] | team.returned[agent])
            assert not leaked, f"{leaked} were sent"
            kept = all((network[name] == agent + 0.5).all() for name in personal)
            assert kept, f"agent {agent} lost personal parameters"

    @given(REWARDS, st.floats(-100, 100, width=32), st.floats(-1, 1, width=32))
    @EXAMPLES
    def test_equal_agents_are_not_moved(self, rewards: list[float], start: float, gain: float) -> None:
        """An average of equal networks is the same network for any rewards."""
        rewards = self.filled(rewards)
        team = ToyTeam([start] * len(rewards), [gain] * len(rewards), rewards)
        own = np.float32(start) + np.float32(gain)
        expected = {name: np.full(PARAMETERS[name], own, np.float32) for name in sorted(team_shared(self.shared))}
        for aggregate in self.federate(team):
            _assert_close(aggregate, expected, "equal networks were moved")


def team_shared(patterns: Sequence[str]) -> set[str]:
    """Return the toy networks' parameters that match any of the patterns."""
    return {name for name in PARAMETERS if any(fnmatch.fnmatchcase(name, one) for one in patterns)}


def _list(value: Any) -> list[Any]:
    return list(value)


def _assert_close(one: Network, other: Network, text: str) -> None:
    assert set(one) == set(other), f"{text}: {sorted(one)} and {sorted(other)}"
    for name, value in one.items():
        assert np.allclose(value, other[name], rtol=1e-5, atol=1e-5), f"{text}: {name}, {value} and {other[name]}"
