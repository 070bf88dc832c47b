"""Agents whose networks are plain numbers, behind a real Grid: what a strategy does to them is worked out by hand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp.strategy import Result
from toy_team import strategy_settings

from contracts import messages as m
from strategies import TeamStrategy, strategy_class
from strategies.local_grid import LocalGrid

SHAPES = {"fc.weight": (2, 3), "gru.weight_hh": (3, 9), "head.weight": (3, 2), "head.bias": (2,)}
ENV_STEPS = 10**6  # the run's end
EVALUATE_EVERY = 100
STEPS_A_ROUND = 40

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
    ) -> None:
        self.networks = [{name: np.full(shape, s, np.float32) for name, shape in SHAPES.items()} for s in starts]
        self.gains, self.rewards, self.order, self.spoil = gains, rewards, order, spoil
        self.rounds = 0
        self.heard: list[tuple[int, Message]] = []  # (agent, question)
        self.said: list[Message] = []

    def answer(self, questions: Sequence[Message]) -> list[Message]:
        """Answer one message per node."""
        self.rounds += questions[0].metadata.message_type == MessageType.TRAIN
        return [self._reply(self.order[node], question) for node, question in enumerate(questions)]

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
        sent = {name: array.numpy() for name, array in question.content.array_records[m.ARRAYS].items()}
        env_step = STEPS_A_ROUND * self.rounds
        if kind == m.POLICY:
            worth = float(sent["head.bias"][0]) * (1 + agent) * plan[m.EPISODES]
            return self._say(question, {}, {m.ACCUMULATED_REWARD: worth, m.ENV_STEP: env_step + 7, m.BROKEN: 0})
        network |= {name: value.copy() for name, value in sent.items()}
        if kind == MessageType.EVALUATE:
            kinds = len(plan[m.PURPOSES])
            won, lengths = [0.75, 0.25][:kinds], [5.5, 4.5][:kinds]
            return self._say(question, {}, {m.NUM_EXAMPLES: 4, m.WIN_RATE: won, m.EPISODE_LENGTH: lengths, m.BROKEN: 1})
        for name in network:
            network[name] = network[name] + np.float32(self.gains[agent])
        counters = {
            m.TRAIN_STEP: 4 * self.rounds,
            m.ENV_STEP: env_step,
            m.EPISODE: 3 * self.rounds,
            m.EPSILON: 0.5,
            m.BROKEN: 1,
        }
        metrics = counters | {m.NUM_EXAMPLES: 3, m.ACCUMULATED_REWARD: float(self.rewards[agent])}
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


def federate(strategy: TeamStrategy, grid: LocalGrid, rounds: int) -> Result:
    """Let the strategy's own `start` run some rounds."""
    return strategy.start(grid=grid, initial_arrays=strategy.join(grid), num_rounds=rounds)


def _fits(name: str, pattern: object) -> bool:
    prefix, star, rest = str(pattern).partition("*")
    assert star or not rest
    return name.startswith(prefix) if star else name == pattern
