"""Agents whose networks are plain numbers, behind a real Grid: what a strategy does to them is worked out by hand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.array_names import BUFFER
from fedqmix.runtime.core.facts import Counted, Facts, Know, Learned
from fedqmix.runtime.core.world import Purpose
from fedqmix.strategies import TeamStrategy, strategy_class
from fedqmix.strategies.local_grid import LocalGrid
from support.toy_team import strategy_settings

SHAPES = {"fc.weight": (2, 3), "gru.weight_hh": (3, 9), "head.weight": (3, 2), "head.bias": (2,)}
ENV_STEPS = 10**6  # the run's end
EVALUATE_EVERY = 100
STEPS_A_ROUND = 40
STEPS_A_POLICY = 7

logging.getLogger("flwr").setLevel(logging.WARNING)


Spoil = Callable[[str, list[Message], list[Message]], Iterable[Message]]
"""(message type, questions, replies) -> the replies that arrive."""


class ToyAgents:
    """Agent i starts with `starts[i]` in every parameter and adds `gains[i]` to all of them in every round.

    rewards: what each agent says it earned in a round. order: node k holds agent order[k]. spoil: changes the replies
    on their way back. A policy is worth (1 + agent id) times its head.bias to each agent, per episode.
    """

    def __init__(
        self,
        starts: Sequence[float] = (10, 20, 30),
        gains: Sequence[float] = (1, 2, 6),
        rewards: Sequence[float] = (1, 3, 0),
        order: Sequence[int] = (0, 1, 2),
        spoil: Spoil | None = None,
        played: Sequence[int] = (),
    ) -> None:
        """played: of the 3 episodes of a round, those in which each agent existed; empty: all agents in all."""
        self.networks = [{name: np.full(shape, s, np.float32) for name, shape in SHAPES.items()} for s in starts]
        self.gains, self.rewards, self.order, self.spoil = gains, rewards, order, spoil
        self.played = tuple(played)
        self.rounds = 0
        self.env_step = 0
        self.known: dict[Purpose, Counted] = {}  # of the last question
        self.heard: list[tuple[int, Message]] = []  # (agent, question)
        self.said: list[Message] = []

    def answer(self, questions: Sequence[Message]) -> list[Message]:
        """Answer one message per node."""
        kind, plan = questions[0].metadata.message_type, questions[0].content.config_records[m.PLAN]
        self.rounds += kind == MessageType.TRAIN
        self.env_step += {MessageType.TRAIN: STEPS_A_ROUND, m.POLICY: STEPS_A_POLICY}.get(kind, 0)
        if kind != m.JOIN:
            self.known = self._counted(kind, plan, questions)
        return [self._reply(self.order[node], question) for node, question in enumerate(questions)]

    def facts(self) -> Facts:
        """What world and mixer know of the last question."""
        return Facts(self.known, Learned(4 * self.rounds, 3 * self.rounds))

    def _counted(self, kind: str, plan: Any, questions: Sequence[Message]) -> dict[Purpose, Counted]:
        if kind == MessageType.TRAIN:
            return {Purpose.TRAINING: Counted(3, 1, STEPS_A_ROUND, 1, tuple(map(float, self.rewards)), self.played)}
        if kind == m.POLICY:
            bias = float(questions[0].content.array_records[m.ARRAYS]["head.bias"].numpy()[0])
            worth = tuple(bias * (1 + agent) * plan[m.EPISODES] for agent in sorted(set(self.order)))
            return {Purpose.POLICY: Counted(plan[m.EPISODES], 0, STEPS_A_POLICY, 0, worth)}
        counts = [Counted(4, 3, 22, 1, ()), Counted(4, 1, 18, 0, ())]
        return {Purpose(name): counts[place] for place, name in enumerate(plan[m.PURPOSES])}

    def asked(self, kind: str) -> list[tuple[int, Message]]:
        """(agent, question) of every message of a kind, by agent within a round."""
        return [(agent, question) for agent, question in self.heard if question.metadata.message_type == kind]

    def _reply(self, agent: int, question: Message) -> Message:
        self.heard.append((agent, question))
        network, plan = self.networks[agent], question.content.config_records[m.PLAN]
        kind = question.metadata.message_type
        if kind == m.JOIN:
            shared = [name for name in SHAPES if any(_fits(name, pattern) for pattern in plan[m.SHARED])]
            return self._say(question, {name: network[name] for name in shared}, {m.AGENT: agent})
        arrays = question.content.array_records[m.ARRAYS]
        sent = {name: array.numpy() for name, array in arrays.items() if not name.startswith(BUFFER)}
        if kind == m.POLICY:
            worth = float(sent["head.bias"][0]) * (1 + agent) * plan[m.EPISODES]
            said = {m.ACCUMULATED_REWARD: worth, m.ENV_STEP: self.env_step, m.BROKEN: 0, m.NUM_EXAMPLES: 2}
            return self._say(question, {}, said)
        network |= {name: value.copy() for name, value in sent.items()}
        if kind == MessageType.EVALUATE:
            kinds = len(plan[m.PURPOSES])
            won, lengths = [0.75, 0.25][:kinds], [5.5, 4.5][:kinds]
            return self._say(question, {}, {m.NUM_EXAMPLES: 4, m.WIN_RATE: won, m.EPISODE_LENGTH: lengths, m.BROKEN: 1})
        for name in network:
            network[name] = network[name] + np.float32(self.gains[agent])
        counters = {
            m.TRAIN_STEP: 4 * self.rounds,
            m.ENV_STEP: self.env_step,
            m.EPISODE: 3 * self.rounds,
            m.BROKEN: 1,
        }
        episodes = self.played[agent] if self.played else 3
        metrics = counters | {m.NUM_EXAMPLES: episodes, m.ACCUMULATED_REWARD: float(self.rewards[agent])}
        return self._say(question, {name: network[name] for name in sent}, metrics)

    def _say(self, question: Message, arrays: dict[str, np.ndarray], metrics: dict[str, Any]) -> Message:
        record = ArrayRecord({name: Array(value) for name, value in arrays.items()})
        reply = Message(RecordDict({m.ARRAYS: record, m.METRICS: MetricRecord(metrics)}), reply_to=question)
        self.said.append(reply)
        return reply


class ToyGrid(LocalGrid):
    """A LocalGrid whose replies may be spoiled on their way."""

    def __init__(self, agents: ToyAgents) -> None:
        super().__init__(len(agents.order), agents.answer)
        self.agents = agents
        self.facts = agents.facts

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        questions = list(messages)
        replies = list(super().send_and_receive(questions, timeout=timeout))
        if self.agents.spoil is None or not questions:
            return replies
        return self.agents.spoil(questions[0].metadata.message_type, questions, replies)


def make_strategy(name: str, n_agents: int = 3, **changes: Any) -> TeamStrategy:
    """A strategy for toy agents; keyword arguments change its settings."""
    settings = strategy_settings(name, **changes)
    return strategy_class(settings)(settings, n_agents, ENV_STEPS, EVALUATE_EVERY, evaluate_episodes=4)


def federate(strategy: TeamStrategy, grid: Grid, rounds: int, facts: Know | None = None) -> Result:
    """Let the strategy's own `start` run some rounds. facts: by default the grid's own."""
    return strategy.start(grid=grid, initial_arrays=joined(strategy, grid, facts), num_rounds=rounds)


def joined(strategy: TeamStrategy, grid: Grid, facts: Know | None = None) -> ArrayRecord:
    """Tell a strategy where facts come from, by default from the grid; return what it begins with."""
    strategy.facts = facts or grid.facts  # type: ignore[attr-defined]
    return strategy.join(grid)


def _fits(name: str, pattern: object) -> bool:
    prefix, star, rest = str(pattern).partition("*")
    assert star or not rest
    return name.startswith(prefix) if star else name == pattern
