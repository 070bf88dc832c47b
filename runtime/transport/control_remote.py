"""The server's side of Control."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import grpc

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.facts import Facts, Returns
from fedqmix.runtime.core.world import Floats
from fedqmix.runtime.transport.calls import PATIENCE_S, Line
from fedqmix.runtime.transport.codec import encode
from fedqmix.runtime.transport.known import read_known
from fedqmix.runtime.transport.ledger import LedgerLine
from fedqmix.runtime.transport.proto import control_pb2
from fedqmix.runtime.transport.proto.control_pb2_grpc import ControlStub
from fedqmix.runtime.transport.standing import AgentStanding, Standing
from fedqmix.runtime.transport.tickets import attempt_message, read_attempt

NOTHING: Mapping[str, Floats] = MappingProxyType({})


class RemoteControl:
    """The world or the mixer, controlled by the server. Every method raises AttemptError when it cannot be reached.

    party: "the world" or "the mixer", for errors. patience: seconds.
    """

    def __init__(self, channel: grpc.Channel, party: str, patience: float = PATIENCE_S) -> None:
        self._stub, self._line = ControlStub(channel), Line(party, patience)
        self.game = ""  # the game of the service's episodes, once an attempt was opened

    def hold(self, run: str) -> None:
        """Reserve the service for this run. Raises BusyError when another run has reserved it."""
        self._line.call(self._stub.Hold, control_pb2.Run(run=run))

    def release(self, run: str) -> None:
        """Release the service for other runs."""
        self._line.call(self._stub.Release, control_pb2.Run(run=run))

    def open(self, attempt: Attempt, kind: str, config: str, initial: Mapping[str, Floats] = NOTHING) -> None:
        """Prepare the service for an attempt. kind: one of control_service.KINDS. config: the settings, YAML.

        initial: parameters that the mixer begins the run with, by name; empty: its own.

        Takes the lease, too; raises BusyError when another run has it.
        """
        tensors = {name: encode(value) for name, value in initial.items()}
        opening = control_pb2.Opening(attempt=attempt_message(attempt), kind=kind, config=config, initial=tensors)
        self.game = self._line.call(self._stub.Open, opening).game

    def status(self, run: str = "") -> Standing:
        """Return the agents' standing in the open attempt. run: the run that asks, if any."""
        said = self._line.call(self._stub.Status, control_pb2.StatusQuestion(run=run))
        agents = tuple(AgentStanding(a.agent, a.sequence, a.waiting, a.silent_s) for a in said.agents)
        attempt = read_attempt(said.attempt) if said.HasField("attempt") else None
        return Standing(attempt, agents, said.broken, said.computed_s)

    def report(self, run: str, round: int) -> tuple[dict[str, float], dict[str, Returns]]:
        """Return means since the last report by name, and mean and spread of the team return by purpose.

        The returns are the last evaluation's, empty when the mixer has seen no evaluation.
        Raises AttemptError when the mixer was restarted since: open an attempt of kind "report", and ask again.
        """
        said = self._line.call(self._stub.Report, control_pb2.ReportQuestion(run=run, round=round))
        return dict(said.values), {purpose: Returns(one.mean, one.std) for purpose, one in said.returns.items()}

    def episode_means(self, run: str, round: int) -> dict[str, float]:
        """Return the training episodes' means since the last report. Raises AttemptError as `report` does."""
        question = control_pb2.ReportQuestion(run=run, round=round, so_far=True)
        return dict(self._line.call(self._stub.Report, question).values)

    def facts(self, attempt: Attempt) -> Facts:
        """Return the service's facts about an attempt that all agents have answered.

        Raises AttemptError when it was restarted and has lost them, RefusedError when they are not valid.
        """
        return read_known(self._line.call(self._stub.Facts, attempt_message(attempt)))

    def ledger(self, run: str) -> list[LedgerLine]:
        """Return the run's bytes, counted since the service first saw the run."""
        said = self._line.call(self._stub.Ledger, control_pb2.LedgerQuestion(run=run))
        return [LedgerLine(x.round, x.party, x.channel, x.bytes_in, x.bytes_out) for x in said.lines]
