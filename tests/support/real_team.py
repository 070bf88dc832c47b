"""Real agents, a real mixer and a toy world behind a Grid that keeps a copy of all that passes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.common.serde import message_to_proto
from flwr.serverapp.strategy import Result

from fedqmix.runtime.core import messages as m
from fedqmix.strategies import TeamStrategy, strategy_class
from fedqmix.strategies.local_grid import LocalGrid, take_server_identity
from support.toy_agents import federate
from support.toy_team import ToyTeam, algorithm, make_team, strategy_settings


class RecordingGrid(LocalGrid):
    """A LocalGrid that writes every message down, as the bytes it would travel as."""

    def __init__(self, team: ToyTeam) -> None:
        super().__init__(len(team.agents.agent_ids), team.answer)
        self.facts = team.facts
        self.questions: list[Message] = []
        self.replies: list[Message] = []

    def push_messages(self, messages: Iterable[Message]) -> Sequence[str]:
        questions = list(messages)
        self.questions += questions
        return list(super().push_messages(questions))

    def pull_messages(self, message_ids: Iterable[str]) -> Sequence[Message]:
        replies = list(super().pull_messages(message_ids))
        self.replies += replies
        return replies

    def wire(self) -> list[bytes]:
        """Every message of both directions, serialised."""
        return [message_to_proto(message).SerializeToString() for message in [*self.questions, *self.replies]]


NEVER = 10**6  # environment steps


def run(
    name: str, rounds: int, evaluate_every: int = 40, **changes: Any
) -> tuple[ToyTeam, TeamStrategy, RecordingGrid, Result]:
    """Train a real team; keyword arguments change the strategy's settings."""
    team = make_team(algorithm(learning_rate=0.02, parallel_episodes=4))
    settings = strategy_settings(name, **changes)
    strategy = strategy_class(settings)(settings, 3, NEVER, evaluate_every, evaluate_episodes=3)
    grid = RecordingGrid(team)
    return team, strategy, grid, federate(strategy, grid, rounds)


TRAIN_PLAN = {m.ROUND: 1, m.TRAINING_STEPS: 1, m.ENV_STEPS: 10**6, m.TIE_GRADIENTS: False}


def message(kind, plan, arrays, node=1000):
    take_server_identity()
    records = {m.PLAN: ConfigRecord(plan), m.ARRAYS: ArrayRecord({n: Array(v.numpy()) for n, v in arrays.items()})}
    return Message(RecordDict(records), node, kind)
