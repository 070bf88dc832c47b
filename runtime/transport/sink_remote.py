"""The world's side of the TeamSink: it sends states and team rewards to the mixer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import AttemptError
from fedqmix.runtime.core.world import EpisodeBatch, TeamTimeStep
from fedqmix.runtime.transport.calls import PATIENCE_S, Line
from fedqmix.runtime.transport.conversation import Conversation
from fedqmix.runtime.transport.proto import team_sink_pb2
from fedqmix.runtime.transport.proto.team_sink_pb2_grpc import TeamSinkStub
from fedqmix.runtime.transport.tickets import attempt_message
from fedqmix.runtime.transport.time_steps import batch_message, team_time_step_message


class RemoteTeamSink:
    """A runtime.core.world.TeamSink over the wire.

    A message is sent while the agents select their next actions. The next call waits for its arrival and raises its
    error. In the time step that ends the last episode, `record` itself waits. So the mixer has the whole batch before
    any later request of an agent.
    Raises the mixer side's error, and AttemptError when it cannot be reached or the attempt is over.
    """

    def __init__(self, channel: grpc.Channel, patience: float = PATIENCE_S) -> None:
        self._over = threading.Event()
        self._line, stub = Line("the mixer", patience, cut=self._over), TeamSinkStub(channel)
        self._begin, self._record = stub.Begin, Conversation(self._line, stub.Record)
        self._attempt: Attempt | None = None
        self._sequence = 0
        self._on_its_way: Callable[[], Any] | None = None
        self.waited = 0.0  # seconds in this attempt

    def interrupt(self) -> None:
        """Fail a call that is still retried: its attempt is over."""
        self._over.set()

    def open(self, attempt: Attempt) -> None:
        """Begin an attempt; sequence numbers start again."""
        self._over.clear()
        self._record.close()  # a reply may still arrive
        self._attempt, self._sequence, self._on_its_way, self.waited = attempt, 0, None, 0.0

    def begin(self, batch: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Send the first state of a new batch of episodes."""
        self._settle()
        opened = team_sink_pb2.Opened(battles=batch_message(batch), time_step=team_time_step_message(time_step))
        self._on_its_way = partial(self._line.call, self._begin, self._numbered(opened))
        self._settle()

    def record(self, time_step: TeamTimeStep) -> None:
        """Send the outcome of one environment step of every episode in the current batch."""
        self._settle()
        outcome = self._numbered(team_sink_pb2.Outcome(time_step=team_time_step_message(time_step)))
        self._on_its_way = self._record.start(outcome)
        if (time_step.terminated | time_step.truncated).all():
            self._settle()

    def _numbered(self, message: Any) -> Any:
        if self._attempt is None:
            raise AttemptError("The world was asked to play before an attempt was opened.")
        self._sequence += 1
        message.attempt.CopyFrom(attempt_message(self._attempt))
        message.sequence = self._sequence
        return message

    def _settle(self) -> None:
        """Wait until the last message has arrived."""
        arrived, self._on_its_way = self._on_its_way, None
        if arrived is not None:
            began = time.perf_counter()
            arrived()
            self.waited += time.perf_counter() - began
