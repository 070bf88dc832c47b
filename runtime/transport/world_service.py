"""The world service: from the agents' actions, by the local World, to each agent's own row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import grpc
import numpy as np

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import AttemptError, RefusedError
from fedqmix.runtime.core.facts import Facts, Returns
from fedqmix.runtime.core.tally import TalliedWorld
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Integers, LocalWorld, TeamSink
from fedqmix.runtime.transport.calls import PATIENCE_S
from fedqmix.runtime.transport.codec import decode
from fedqmix.runtime.transport.control_service import ControlService
from fedqmix.runtime.transport.faults import Peer, answered, conversed
from fedqmix.runtime.transport.handler import RequestHandler
from fedqmix.runtime.transport.ledger import Ledger, LedgerLine
from fedqmix.runtime.transport.proto import world_pb2, world_pb2_grpc
from fedqmix.runtime.transport.proto.control_pb2_grpc import add_ControlServicer_to_server
from fedqmix.runtime.transport.proto.world_pb2_grpc import add_WorldServicer_to_server
from fedqmix.runtime.transport.rendezvous import Rendezvous
from fedqmix.runtime.transport.standing import Standing
from fedqmix.runtime.transport.time_steps import read_batch, sights


class AttemptSink(TeamSink, Protocol):
    """A TeamSink that must know the attempt of its episodes (RemoteTeamSink)."""

    @property
    def waited(self) -> float:
        """Seconds of waiting for the mixer in this attempt."""

    def interrupt(self) -> None:
        """Fail a call that is still retried: its attempt is over."""

    def open(self, attempt: Attempt) -> None:
        """Begin an attempt."""


class WorldService(world_pb2_grpc.WorldServicer):
    """The services of the world process: World for agents, Control for the server.

    make: builds the world of a run from its settings (YAML) and the sink; kept while run and settings are the same.
    sink: sends to the mixer's side. peer: see runtime.transport.faults. patience: seconds that an agent waits for the
    others.
    """

    def __init__(
        self, make: Callable[[str, TeamSink], LocalWorld], sink: AttemptSink, peer: Peer, patience: float = PATIENCE_S
    ) -> None:
        self._make, self._sink, self._peer = make, sink, peer
        self._meeting = Rendezvous(patience)
        self._ledger = Ledger("world")
        self._handler = RequestHandler(self._meeting, self._ledger, peer)
        self._world: TalliedWorld | None = None
        self._made_for = ("", "")  # run, settings
        self._count = 0  # episodes of the current batch

    def add_to(self, server: grpc.Server) -> None:
        """Add the services to a server. Every waiting agent holds one of its threads."""
        add_WorldServicer_to_server(self, server)
        add_ControlServicer_to_server(ControlService(self, self._peer), server)

    def open(self, attempt: Attempt, kind: str, config: str) -> None:
        """See runtime.transport.control_service.Controlled; a world needs no state of earlier attempts."""
        self._meeting.open(attempt, lambda: self._prepare(attempt, config), self._sink.interrupt)

    def begin_with(self, initial: Mapping[str, Floats]) -> None:
        """Refuse: a world has no parameters."""
        raise RefusedError("The world was sent parameters to begin with, and has none.")

    @property
    def game(self) -> str:
        """See runtime.transport.control_service.Controlled."""
        return self._world.game if self._world is not None else ""

    def status(self) -> Standing:
        """See runtime.transport.control_service.Controlled."""
        standing = self._meeting.status()
        return replace(standing, computed_s=standing.computed_s - self._sink.waited)

    def report(self, run: str, round: int) -> tuple[dict[str, float], dict[str, Returns]]:
        """Only the mixer has something to report. Raises RefusedError."""
        raise RefusedError("The world has nothing to report; ask the mixer.")

    def episode_means(self, run: str, round: int) -> dict[str, float]:
        """Only the mixer has something to report. Raises RefusedError."""
        raise RefusedError("The world has nothing to report; ask the mixer.")

    def facts(self, attempt: Attempt) -> Facts:
        """See runtime.transport.control_service.Controlled."""
        if self._world is None or self._meeting.status().attempt != attempt:
            raise AttemptError(f"The world has forgotten attempt {attempt.number} of round {attempt.round}.")
        return Facts(self._world.counted())

    def ledger_lines(self, run: str) -> list[LedgerLine]:
        """See runtime.transport.control_service.Controlled."""
        return self._ledger.lines(run)

    def close(self) -> None:
        """Release the world's processes and threads."""
        if self._world is not None:
            self._world.close()

    @answered
    def Begin(self, request: world_pb2.Ready, context: grpc.ServicerContext) -> world_pb2.Sight:
        def read() -> tuple[str, EpisodeBatch]:
            batch = read_batch(request.battles)
            return f"{batch.count} {batch.purpose} episodes from episode {batch.first}", batch

        sight: world_pb2.Sight = self._handler.agents(request, context, read, self._begin)
        return sight

    @conversed
    def Step(self, request: world_pb2.Move, context: grpc.ServicerContext) -> world_pb2.Sight:
        def read() -> tuple[str, Integers]:
            if self._count == 0:
                raise RefusedError("No batch was begun: call Begin before Step.")
            return "an environment step", decode(request.actions, "actions", np.int64, (1, self._count))

        sight: world_pb2.Sight = self._handler.agents(request, context, read, self._step)
        return sight

    def _prepare(self, attempt: Attempt, config: str) -> int:
        if self._world is None or self._made_for != (attempt.run, config):
            self.close()
            self._world = None  # if building fails, none is left
            self._world = TalliedWorld(self._make(config, self._sink))
            self._made_for = (attempt.run, config)
        self._world.forget()
        self._sink.open(attempt)
        self._count = 0
        return self._world.spec.n_agents

    def _begin(self, asked: list[EpisodeBatch]) -> Sequence[world_pb2.Sight]:
        assert self._world is not None
        time_step = self._world.begin(asked[0])
        self._count = asked[0].count
        return sights(time_step)

    def _step(self, actions: list[Integers]) -> Sequence[world_pb2.Sight]:
        assert self._world is not None
        return sights(self._world.step(np.concatenate(actions)))
