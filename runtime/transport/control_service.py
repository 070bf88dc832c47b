"""The Control service of world and mixer: the server opens attempts and asks for their status."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

import grpc
import numpy as np

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.core.facts import Facts, Returns
from fedqmix.runtime.core.world import Floats
from fedqmix.runtime.transport.codec import decode
from fedqmix.runtime.transport.faults import Peer, answered, require_caller
from fedqmix.runtime.transport.known import known_message
from fedqmix.runtime.transport.lease import Lease
from fedqmix.runtime.transport.ledger import LedgerLine
from fedqmix.runtime.transport.proto import attempt_pb2, control_pb2, control_pb2_grpc
from fedqmix.runtime.transport.proto.tensor_pb2 import Tensor
from fedqmix.runtime.transport.standing import Standing
from fedqmix.runtime.transport.tickets import attempt_message, read_attempt

KINDS = ("train", "evaluate", "policy", "identity", "report")
"""The kinds of attempts; "report" restores a restarted mixer to the end of a finished round."""


class Controlled(Protocol):
    """A service that takes part in attempts."""

    def open(self, attempt: Attempt, kind: str, config: str) -> None:
        """Prepare for an attempt; agents that wait in an earlier one get AttemptError."""

    def begin_with(self, initial: Mapping[str, Floats]) -> None:
        """Begin the run of the next attempt with these parameters. Raises RefusedError where there are none."""

    @property
    def game(self) -> str:
        """The game of the last attempt's episodes; empty in a service that plays none."""

    def status(self) -> Standing:
        """Return the open attempt and the agents' standing in it."""

    def report(self, run: str, round: int) -> tuple[dict[str, float], dict[str, Returns]]:
        """Return means since the last report by name, and mean and spread of the team return by purpose.

        The returns are those of the last evaluation.
        """

    def episode_means(self, run: str, round: int) -> dict[str, float]:
        """Return the training episodes' means since the last report by name, at the end of a round."""

    def facts(self, attempt: Attempt) -> Facts:
        """Return this service's facts about the open attempt, which all agents have answered.

        Raises AttemptError when another attempt is open, or this one has not ended.
        """

    def ledger_lines(self, run: str) -> list[LedgerLine]:
        """Return the run's bytes so far."""


class ControlService(control_pb2_grpc.ControlServicer):
    """Control of one service: only the server (`superlink`) may call it, for one run at a time."""

    def __init__(self, controlled: Controlled, peer: Peer) -> None:
        self._controlled, self._peer = controlled, peer
        self._lease = Lease()
        self._opening = threading.Lock()

    @answered
    def Hold(self, request: control_pb2.Run, context: grpc.ServicerContext) -> control_pb2.Held:
        self._require_server(context)
        if not request.run:
            raise RefusedError("Only a run can hold a service: name it.")
        self._lease.take(request.run)
        return control_pb2.Held()

    @answered
    def Release(self, request: control_pb2.Run, context: grpc.ServicerContext) -> control_pb2.Released:
        self._require_server(context)
        self._lease.release(request.run)
        return control_pb2.Released()

    @answered
    def Open(self, request: control_pb2.Opening, context: grpc.ServicerContext) -> control_pb2.Prepared:
        self._require_server(context)
        if request.kind not in KINDS:
            raise RefusedError(f"There is no attempt at {request.kind[:40]!r}; choose from {', '.join(KINDS)}.")
        attempt = read_attempt(request.attempt)
        with self._opening:  # a delayed opening must not follow an opening of another run
            self._lease.take(attempt.run)
            if request.initial:
                self._controlled.begin_with(_tensors(request.initial))
            self._controlled.open(attempt, request.kind, request.config)
            self._lease.renew(attempt.run)
            return control_pb2.Prepared(game=self._controlled.game)

    @answered
    def Status(self, request: control_pb2.StatusQuestion, context: grpc.ServicerContext) -> control_pb2.Standing:
        self._require_server(context)
        self._lease.renew(request.run)
        standing = self._controlled.status()
        agents = [
            control_pb2.AgentStanding(agent=a.agent, sequence=a.sequence, waiting=a.waiting, silent_s=a.silent_s)
            for a in standing.agents
        ]
        attempt = None if standing.attempt is None else attempt_message(standing.attempt)
        return control_pb2.Standing(
            attempt=attempt, agents=agents, broken=standing.broken, computed_s=standing.computed_s
        )

    @answered
    def Report(self, request: control_pb2.ReportQuestion, context: grpc.ServicerContext) -> control_pb2.MixerReport:
        self._require_server(context)
        self._lease.renew(request.run)
        if request.so_far:
            return control_pb2.MixerReport(values=self._controlled.episode_means(request.run, request.round))
        values, returns = self._controlled.report(request.run, request.round)
        spread = {purpose: control_pb2.Returns(mean=one.mean, std=one.std) for purpose, one in returns.items()}
        return control_pb2.MixerReport(values=values, returns=spread)

    @answered
    def Facts(self, request: attempt_pb2.Attempt, context: grpc.ServicerContext) -> control_pb2.Known:
        self._require_server(context)
        self._lease.renew(request.run)
        return known_message(self._controlled.facts(read_attempt(request)))

    @answered
    def Ledger(self, request: control_pb2.LedgerQuestion, context: grpc.ServicerContext) -> control_pb2.LedgerPage:
        self._require_server(context)
        self._lease.renew(request.run)
        lines = self._controlled.ledger_lines(request.run)
        return control_pb2.LedgerPage(lines=[control_pb2.LedgerLine(**vars(line)) for line in lines])

    def _require_server(self, context: grpc.ServicerContext) -> None:
        require_caller(self._peer, context, "superlink")


def _tensors(message: Mapping[str, Tensor]) -> dict[str, Floats]:
    """Return the float32 arrays of a message by name; the mixer compares their shapes with its own."""
    return {name: decode(one, name[:40], np.float32, tuple(one.shape)) for name, one in message.items()}
