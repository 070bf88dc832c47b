"""The mixer as a service: it gathers the agents' rows, calls the local Coordinator, and sends each agent its own
gradients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import grpc
import numpy as np
import torch

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.errors import AttemptError, RefusedError
from fedqmix.runtime.core.facts import Facts, Learned
from fedqmix.runtime.core.rows import Rows, name_faults
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import Floats, TeamSink, TeamSpec
from fedqmix.runtime.transport.calls import PATIENCE_S
from fedqmix.runtime.transport.codec import decode, encode
from fedqmix.runtime.transport.control_service import ControlService
from fedqmix.runtime.transport.faults import Peer, answered, conversed
from fedqmix.runtime.transport.handler import Request, RequestHandler
from fedqmix.runtime.transport.ledger import Ledger, LedgerLine
from fedqmix.runtime.transport.proto import mixer_pb2, mixer_pb2_grpc
from fedqmix.runtime.transport.proto.control_pb2_grpc import add_ControlServicer_to_server
from fedqmix.runtime.transport.proto.mixer_pb2_grpc import add_MixerServicer_to_server
from fedqmix.runtime.transport.proto.team_sink_pb2_grpc import add_TeamSinkServicer_to_server
from fedqmix.runtime.transport.proto.tensor_pb2 import Tensor
from fedqmix.runtime.transport.rendezvous import Rendezvous, Standing
from fedqmix.runtime.transport.sink_service import SinkService


class MixerSide(Protocol):
    """All of one run that lies on the mixer's side."""

    @property
    def spec(self) -> TeamSpec:
        """The team's sizes."""

    @property
    def device(self) -> torch.device:
        """Where the mixer computes."""

    @property
    def coordinator(self) -> Coordinator:
        """The local team's side of a training step."""

    @property
    def rows(self) -> Rows:
        """The rows that the run's algorithm declares."""

    @property
    def sink(self) -> TeamSink:
        """The local end of what the world tells."""

    def timeline(self) -> Timeline:
        """Return how the episodes of the next training step are laid out. Raises SlotError."""

    def restore(self, round: int) -> Mapping[str, float] | None:
        """Be as at the end of a round (0: at the beginning of the run); return the report saved with it, if any.

        Raises CheckpointError when that cannot be had.
        """

    def save(self, round: int, report: Mapping[str, float] | None) -> None:
        """Write down where this side stands at the end of a round, with its report once that was asked for.

        May be called twice for a round; the second time replaces the first.
        """

    def report(self) -> dict[str, float]:
        """Return means over the training steps and battles since the last report."""

    def learned(self) -> Learned:
        """Return how much was learned, and what the agents sent out of bounds since `forget_faults`."""

    def forget_faults(self) -> None:
        """Begin an attempt: forget the faults of the one before."""

    def training_battles(self) -> dict[str, float]:
        """Return the training battles' means since the last report, and keep counting."""

    def evaluation_returns(self) -> dict[str, float]:
        """Return the mean team returns of the last evaluation by purpose; empty when there was none since the start."""

    def close(self) -> None:
        """Let go of everything."""


class MixerService(mixer_pb2_grpc.MixerServicer):
    """Serves Mixer to the agents, TeamSink to the world and Control to the server.

    make: builds the mixer's side of a run from the run's id and its settings (YAML); kept while both are the same.
    peer: see runtime.transport.faults. patience: seconds an agent waits for the others.
    """

    def __init__(self, make: Callable[[str, str], MixerSide], peer: Peer, patience: float = PATIENCE_S) -> None:
        self._make, self._peer = make, peer
        self._meeting = Rendezvous(patience)
        self._ledger, self._sink_ledger = Ledger("mixer"), Ledger("sink")
        self._handler = RequestHandler(self._meeting, self._ledger, peer)
        self._sink = SinkService(self._sink_ledger, peer)
        self._side: MixerSide | None = None
        self._made_for = ("", "")  # run, settings
        self._round = 0  # of the attempt that is open
        self._reporting = threading.Lock()
        self._round_stored = -1  # at the end of which round; -1 within one
        self._reported: Mapping[str, float] | None = None  # at the end of that round

    def add_to(self, server: grpc.Server) -> None:
        """Serve on a server. Every waiting agent takes one of its threads."""
        add_MixerServicer_to_server(self, server)
        add_TeamSinkServicer_to_server(self._sink, server)
        add_ControlServicer_to_server(ControlService(self, self._peer), server)

    def open(self, attempt: Attempt, kind: str, config: str) -> None:
        """See runtime.transport.control_service.Controlled.

        An attempt at training round r begins from the end of round r - 1. Any other is about the end of round r,
        which a mixer's side that was just built takes up.
        """
        self._meeting.open(attempt, lambda: self._prepare(attempt, kind, config))

    @property
    def game(self) -> str:
        """See runtime.transport.control_service.Controlled."""
        return ""

    def status(self) -> Standing:
        """See runtime.transport.control_service.Controlled."""
        return self._meeting.status()

    def report(self, run: str, round: int) -> tuple[dict[str, float], dict[str, float]]:
        """See runtime.transport.control_service.Controlled. Raises AttemptError when it does not stand at that
        round's end."""
        with self._reporting:
            side = self._side_after(run, round)
            if self._reported is None:
                report = side.report()
                side.save(round, report)  # what comes next must begin from sums that are empty, also after a restart
                self._reported = report
            return dict(self._reported), side.evaluation_returns()

    def training_battles(self, run: str, round: int) -> dict[str, float]:
        """See runtime.transport.control_service.Controlled. Raises AttemptError as `report` does."""
        with self._reporting:
            return self._side_after(run, round).training_battles()

    def facts(self, attempt: Attempt) -> Facts:
        """See runtime.transport.control_service.Controlled."""
        with self._reporting:
            if self._meeting.status().attempt != attempt:
                raise AttemptError(f"The mixer has forgotten attempt {attempt.number} of round {attempt.round}.")
            return Facts({}, self._side_after(attempt.run, attempt.round).learned())

    def ledger_lines(self, run: str) -> list[LedgerLine]:
        """See runtime.transport.control_service.Controlled."""
        return [*self._ledger.lines(run), *self._sink_ledger.lines(run)]

    def close(self) -> None:
        """Let go of the mixer's side."""
        if self._side is not None:
            self._side.close()

    @conversed
    def Exchange(self, request: mixer_pb2.AgentRows, context: grpc.ServicerContext) -> mixer_pb2.Gradients:
        def read() -> tuple[str, dict[str, Any]]:
            side = self._needed_side()
            return "gradients", read_rows(request.rows, side.rows, side.timeline())

        def exchange(given: list[dict[str, Any]]) -> Sequence[mixer_pb2.Gradients]:
            stacked = {name: self._stack([rows[name] for rows in given]) for name in given[0]}
            gradients = self._coordinator.exchange(stacked)
            arrays = {name: gradient.detach().cpu().numpy() for name, gradient in gradients.items()}
            return [
                mixer_pb2.Gradients(rows={name: encode(array[agent : agent + 1]) for name, array in arrays.items()})
                for agent in range(len(given))
            ]

        gradients: mixer_pb2.Gradients = self._learn(request, context, read, exchange)
        return gradients

    @conversed
    def Pool(self, request: mixer_pb2.PoolShare, context: grpc.ServicerContext) -> mixer_pb2.PoolSum:
        def read() -> tuple[str, Floats]:
            gradient = decode(request.gradient, "gradient", np.float32, (1, None))
            return f"a sum of {gradient.shape[1]} parameters' gradients", gradient

        row: mixer_pb2.PoolSum = self._learn(
            request, context, read, lambda gradients: _sums(self._coordinator.pool(self._stack(gradients)))
        )
        return row

    @conversed
    def Clip(self, request: mixer_pb2.Norm, context: grpc.ServicerContext) -> mixer_pb2.Scale:
        def read() -> tuple[str, float]:
            if not 0 <= request.squared < np.inf:
                raise RefusedError(f"A squared norm must be finite and not negative; got {request.squared}.")
            return "a clipping scale", request.squared

        def clip(squared: list[float]) -> Sequence[mixer_pb2.Scale]:
            norms = torch.tensor(squared, dtype=torch.float64, device=self._needed_side().device)
            return [mixer_pb2.Scale(scale=self._coordinator.clip(norms))] * len(squared)

        scale: mixer_pb2.Scale = self._learn(request, context, read, clip)
        return scale

    @answered
    def Finish(self, request: mixer_pb2.Finishing, context: grpc.ServicerContext) -> mixer_pb2.Finished:
        finished: mixer_pb2.Finished = self._learn(
            request, context, lambda: ("the end of the round", None), self._finish
        )
        return finished

    def _learn(
        self,
        request: Any,
        context: grpc.ServicerContext,
        read: Callable[[], tuple[str, Request]],
        together: Callable[[list[Request]], Sequence[Any]],
    ) -> Any:
        """Let the agents meet, in an attempt at training that is not finished."""

        def read_in_training() -> tuple[str, Request]:
            if self._round_stored >= 0:
                raise RefusedError("Nothing is learned in this attempt, or its last training step was taken.")
            return read()

        return self._handler.agents(request, context, read_in_training, together)

    def _finish(self, asked: list[None]) -> Sequence[mixer_pb2.Finished]:
        side = self._needed_side()
        side.save(self._round, None)
        self._round_stored, self._reported = self._round, None
        return [mixer_pb2.Finished()] * len(asked)

    def _prepare(self, attempt: Attempt, kind: str, config: str) -> int:
        self._sink.open(attempt, lambda: self._ready(attempt, kind, config))
        return self._needed_side().spec.n_agents

    def _ready(self, attempt: Attempt, kind: str, config: str) -> tuple[TeamSink, int]:
        side, known = self._side, self._made_for == (attempt.run, config)
        self._side = None  # if anything below fails, the next attempt builds a new one
        if side is not None and not known:
            side.close()
        made = side is None or not known
        if side is None or not known:
            side = self._make(attempt.run, config)
        if made or kind == "train":
            round = attempt.round - 1 if kind == "train" else attempt.round
            self._reported, self._round_stored = side.restore(round), round
        if kind == "train":
            self._round_stored = -1
        side.forget_faults()
        self._side, self._made_for, self._round = side, (attempt.run, config), attempt.round
        return side.sink, side.spec.state_dim

    def _side_after(self, run: str, round: int) -> MixerSide:
        """Return the side if it stands at the end of that round. Raises AttemptError."""
        if self._side is None or (self._made_for[0], self._round_stored) != (run, round):
            raise AttemptError(f"The mixer does not stand at the end of round {round} of run {run}.")
        return self._side

    @property
    def _coordinator(self) -> Coordinator:
        return self._needed_side().coordinator

    def _needed_side(self) -> MixerSide:
        if self._side is None:
            raise AttemptError("The mixer knows no run yet.")
        return self._side

    def _stack(self, rows: list[Any]) -> torch.Tensor:
        return torch.from_numpy(np.concatenate(rows)).to(self._needed_side().device)


def read_rows(given: Mapping[str, Tensor], declared: Rows, order: Timeline) -> dict[str, Any]:
    """Return an agent's rows as arrays [1, count, *shape] by name.

    declared: the algorithm's rows. order: how the episodes of the training step are laid out.
    Raises RefusedError for names that are missing or not declared, and for a wrong type, shape or number.
    """
    if (faults := name_faults(given, declared)) is not None:
        raise RefusedError(f"Rows of a training step: {faults}.")
    return {
        row.name: decode(given[row.name], row.name, np.dtype(row.dtype), (1, row.count(order), *row.shape))
        for row in declared
    }


def _sums(whole: torch.Tensor) -> Sequence[mixer_pb2.PoolSum]:
    array = whole.detach().cpu().numpy()
    return [mixer_pb2.PoolSum(row=encode(array[agent : agent + 1])) for agent in range(len(array))]
