"""The mixer's side of the TeamSink: it receives the world's messages in order, each once."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.core.world import EpisodeBatch, TeamSink, TeamSpec, TeamTimeStep
from fedqmix.runtime.transport.calls import PATIENCE_S
from fedqmix.runtime.transport.faults import Peer, answered, conversed
from fedqmix.runtime.transport.handler import RequestHandler
from fedqmix.runtime.transport.ledger import Ledger
from fedqmix.runtime.transport.proto import team_sink_pb2, team_sink_pb2_grpc
from fedqmix.runtime.transport.rendezvous import Rendezvous
from fedqmix.runtime.transport.time_steps import read_batch, read_team_time_step


class SinkService(team_sink_pb2_grpc.TeamSinkServicer):
    """The TeamSink service for the world, around a local TeamSink. The mixer's service opens its attempts."""

    def __init__(self, ledger: Ledger, peer: Peer) -> None:
        self._meeting = Rendezvous(PATIENCE_S, who="world")  # of one party, which never waits
        self._handler = RequestHandler(self._meeting, ledger, peer)
        self._sink: TeamSink | None = None
        self._spec: TeamSpec | None = None
        self._count = 0

    def open(self, attempt: Attempt, prepare: Callable[[], tuple[TeamSink, TeamSpec]]) -> None:
        """Begin an attempt. prepare: returns the local sink and sizes; called when no message is processed."""

        def alone() -> int:
            self._sink, self._spec = prepare()
            self._count = 0
            return 1

        self._meeting.open(attempt, alone)

    @answered
    def Begin(self, request: team_sink_pb2.Opened, context: grpc.ServicerContext) -> team_sink_pb2.Noted:
        def read() -> tuple[str, tuple[EpisodeBatch, TeamTimeStep]]:
            batch = read_batch(request.battles)
            if batch.count < 1:
                raise RefusedError("A batch needs at least one episode; got 0.")
            return "the beginning of a batch", (
                batch,
                read_team_time_step(request.time_step, batch.count, self._opened()),
            )

        def note(received: list[tuple[EpisodeBatch, TeamTimeStep]]) -> list[team_sink_pb2.Noted]:
            assert self._sink is not None
            self._sink.begin(*received[0])
            self._count = received[0][0].count
            return [team_sink_pb2.Noted()]

        noted: team_sink_pb2.Noted = self._handler.world(request, context, read, note)
        return noted

    @conversed
    def Record(self, request: team_sink_pb2.Outcome, context: grpc.ServicerContext) -> team_sink_pb2.Noted:
        def read() -> tuple[str, TeamTimeStep]:
            if self._count == 0:
                raise RefusedError("No batch was begun: call Begin before Record.")
            # The local sink checks for finite values: its error names the value and the episode.
            return "an environment step", read_team_time_step(
                request.time_step, self._count, self._opened(), finite=False
            )

        def note(received: list[TeamTimeStep]) -> list[team_sink_pb2.Noted]:
            assert self._sink is not None
            self._sink.record(received[0])
            return [team_sink_pb2.Noted()]

        noted: team_sink_pb2.Noted = self._handler.world(request, context, read, note)
        return noted

    def _opened(self) -> TeamSpec:
        assert self._spec is not None
        return self._spec
