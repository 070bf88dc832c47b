"""One agent's side of a world in another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import numpy as np

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.world import EpisodeBatch, Integers, TeamSpec, TimeStep
from fedqmix.runtime.transport.calls import PATIENCE_S, Line
from fedqmix.runtime.transport.codec import encode
from fedqmix.runtime.transport.conversation import Conversation
from fedqmix.runtime.transport.proto import world_pb2
from fedqmix.runtime.transport.proto.world_pb2_grpc import WorldStub
from fedqmix.runtime.transport.tickets import header
from fedqmix.runtime.transport.time_steps import batch_message, read_sight


class RemoteWorld:
    """A runtime.core.world.World for a stack of one agent; each attempt needs a new RemoteWorld.

    Every time step has new arrays. begin and step return when all agents have called them. They raise the world's
    error, AttemptError when the attempt cannot be finished, and RefusedError when a message was refused.
    """

    def __init__(
        self, channel: grpc.Channel, agent: int, attempt: Attempt, spec: TeamSpec, patience: float = PATIENCE_S
    ) -> None:
        line, stub = Line("the world", patience), WorldStub(channel)
        self._begin, self._steps = partial(line.call, stub.Begin), Conversation(line, stub.Step)
        self._agent, self._attempt, self._spec = agent, attempt, spec
        self._sequence = 0
        self._count = 0
        self._closed = False
        self.waited = 0.0  # seconds in calls, so far

    @property
    def spec(self) -> TeamSpec:
        """The whole team's sizes; time steps hold one agent."""
        return self._spec

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        """Begin a batch of episodes together with all other agents; see runtime.core.world.World."""
        self._check_open()
        if batch.count < 1:
            raise WorldError(f"A batch needs at least one episode; asked for {batch.count}.")
        self._count = batch.count
        return self._turn(self._begin, world_pb2.Ready(battles=batch_message(batch)))

    def step(self, actions: Integers) -> TimeStep:
        """Take one environment step together with all other agents. actions: [1, episodes] int64."""
        self._check_open()
        if self._count == 0:
            raise WorldError("No batch was begun: call begin before step.")
        if actions.shape != (1, self._count) or actions.dtype != np.int64:
            raise WorldError(
                f"Actions must be int64 of shape [1, episodes] = {[1, self._count]}; "
                f"got {actions.dtype} of shape {list(actions.shape)}."
            )
        return self._turn(self._steps.call, world_pb2.Move(actions=encode(actions)))

    def close(self) -> None:
        """Close the stream; the channel stays open for its owner."""
        self._closed = True
        self._steps.close()

    def _turn(self, ask: Callable[[Any], Any], request: Any) -> TimeStep:
        self._sequence += 1
        request.header.CopyFrom(header(self._attempt, self._agent, self._sequence))
        began = time.perf_counter()
        said = ask(request)
        self.waited += time.perf_counter() - began
        return read_sight(said, self._spec, self._count)

    def _check_open(self) -> None:
        if self._closed:
            raise WorldError("This world is closed; make a new one.")
