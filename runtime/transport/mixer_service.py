"""The mixer service: from the agents' rows, by the local Coordinator, to each agent's gradients."""

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
from fedqmix.runtime.core.facts import Facts, Learned, Returns
from fedqmix.runtime.core.rows import Row, Rows, name_faults
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
from fedqmix.runtime.transport.rendezvous import Rendezvous
from fedqmix.runtime.transport.sink_service import SinkService
from fedqmix.runtime.transport.standing import Standing


class MixerSide(Protocol):
    """The mixer's side of one run."""

    @property
    def spec(self) -> TeamSpec:
        """The team's sizes."""

    @property
    def device(self) -> torch.device:
        """The mixer's device."""

    @property
    def coordinator(self) -> Coordinator:
        """The local team's side of a training step."""

    @property
    def rows(self) -> Rows:
        """The rows that the run's algorithm declares."""

    @property
    def sink(self) -> TeamSink:
        """The local receiver of the world's states and team rewards."""

    def timeline(self) -> Timeline:
        """Return the layout of the next training step's episodes. Raises SlotError."""

    def begin_with(self, initial: Mapping[str, Floats]) -> None:
        """Replace the networks with which the run begins. Raises RefusedError for other names or shapes."""

    def restore(self, round: int) -> Mapping[str, float] | None:
        """Restore the state at the end of a round; return its saved report, if any.

        round: 0 for the beginning of the run. Raises CheckpointError when this state is not available.
        """

    def save(self, round: int, report: Mapping[str, float] | None) -> None:
        """Save this side's state at the end of a round, with the round's report once it was requested.

        A second call for the same round replaces the first.
        """

    def report(self) -> dict[str, float]:
        """Return means over the training steps and episodes since the last report."""

    def learned(self) -> Learned:
        """Return the counts of training, and the agents' faults since `forget_faults`."""

    def forget_faults(self) -> None:
        """Clear the previous attempt's faults."""

    def episode_means(self) -> dict[str, float]:
        """Return the training episodes' means since the last report, without a reset."""

    def evaluation_returns(self) -> dict[str, Returns]:
        """Return mean and spread of the team return in the last evaluation, by purpose; empty before the first."""

    def close(self) -> None:
        """Release all resources."""


class MixerService(mixer_pb2_grpc.MixerServicer):
    """The services of the mixer process: Mixer for agents, TeamSink for the world, Control for the server.

    make: builds the mixer's side of a run from the run's id and settings (YAML); it is kept while both are the same.
    peer: see runtime.transport.faults. patience: seconds that an agent waits for the others.
    """

    def __init__(self, make: Callable[[str, str], MixerSide], peer: Peer, patience: float = PATIENCE_S) -> None:
        self._make, self._peer = make, peer
        self._meeting = Rendezvous(patience)
        self._ledger, self._sink_ledger = Ledger("mixer"), Ledger("sink")
        self._handler = RequestHandler(self._meeting, self._ledger, peer)
        self._sink = SinkService(self._sink_ledger, peer)
        self._side: MixerSide | None = None
        self._initial: Mapping[str, Floats] = {}  # of the next attempt, at a first round
        self._made_for = ("", "")  # run, settings
        self._round, self._kind = 0, ""  # of the attempt that is open
        self._reporting = threading.Lock()
        self._round_stored = -1  # the finished round whose state this is; -1 within a round
        self._reported: Mapping[str, float] | None = None  # the report at the end of that round

    def add_to(self, server: grpc.Server) -> None:
        """Add the services to a server. Every waiting agent holds one of its threads."""
        add_MixerServicer_to_server(self, server)
        add_TeamSinkServicer_to_server(self._sink, server)
        add_ControlServicer_to_server(ControlService(self, self._peer), server)

    def open(self, attempt: Attempt, kind: str, config: str) -> None:
        """See runtime.transport.control_service.Controlled.

        An attempt at training round r begins from the end of round r - 1. Any other attempt begins from the end of
        round r, whose state a newly built mixer's side loads.
        """
        initial, self._initial = self._initial, {}  # also where the attempt is refused, or is open already
        self._meeting.open(attempt, lambda: self._prepare(attempt, kind, config, initial))

    def begin_with(self, initial: Mapping[str, Floats]) -> None:
        """See runtime.transport.control_service.Controlled."""
        self._initial = initial

    @property
    def game(self) -> str:
        """See runtime.transport.control_service.Controlled."""
        return ""

    def status(self) -> Standing:
        """See runtime.transport.control_service.Controlled."""
        return self._meeting.status()

    def report(self, run: str, round: int) -> tuple[dict[str, float], dict[str, Returns]]:
        """See runtime.transport.control_service.Controlled.

        Raises AttemptError when the mixer's state is not the state at that round's end.
        """
        with self._reporting:
            side = self._side_after(run, round)
            if self._reported is None:
                report = side.report()
                side.save(round, report)  # the next round must begin with empty sums, also after a restart
                self._reported = report
            return dict(self._reported), side.evaluation_returns()

    def episode_means(self, run: str, round: int) -> dict[str, float]:
        """See runtime.transport.control_service.Controlled. Raises AttemptError as `report` does."""
        with self._reporting:
            return self._side_after(run, round).episode_means()

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
        """Release the mixer's side."""
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

        def pool(given: list[Floats]) -> Sequence[mixer_pb2.PoolSum]:
            return _sums(self._coordinator.pool(self._stack(given)))

        row: mixer_pb2.PoolSum = self._learn(request, context, read, pool, ("train", "identity"))
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
        kinds: Sequence[str] = ("train",),
    ) -> Any:
        """Answer a request of all agents, in an attempt of some kinds; one at training must not be finished."""

        def read_in_training() -> tuple[str, Request]:
            if self._kind not in kinds or (self._kind == "train" and self._round_stored >= 0):
                raise RefusedError("Nothing is learned in this attempt, or its last training step was taken.")
            return read()

        return self._handler.agents(request, context, read_in_training, together)

    def _finish(self, asked: list[None]) -> Sequence[mixer_pb2.Finished]:
        side = self._needed_side()
        side.save(self._round, None)
        self._round_stored, self._reported = self._round, None
        return [mixer_pb2.Finished()] * len(asked)

    def _prepare(self, attempt: Attempt, kind: str, config: str, initial: Mapping[str, Floats]) -> int:
        self._sink.open(attempt, lambda: self._ready(attempt, kind, config, initial))
        return self._needed_side().spec.n_agents

    def _ready(
        self, attempt: Attempt, kind: str, config: str, initial: Mapping[str, Floats]
    ) -> tuple[TeamSink, TeamSpec]:
        side, known = self._side, self._made_for == (attempt.run, config)
        self._side = None  # if anything below fails, the next attempt builds a new one
        if side is not None and not known:
            side.close()
        made = side is None or not known
        if side is None or not known:
            side = self._make(attempt.run, config)
        if initial and kind == "train" and attempt.round == 1:
            side.begin_with(initial)
        if made or kind == "train":
            round = attempt.round - 1 if kind == "train" else attempt.round
            self._reported, self._round_stored = side.restore(round), round
        if kind == "train":
            self._round_stored = -1
        side.forget_faults()
        self._side, self._made_for = side, (attempt.run, config)
        self._round, self._kind = attempt.round, kind
        return side.sink, side.spec

    def _side_after(self, run: str, round: int) -> MixerSide:
        """Return the side when its state is that of the round's end. Raises AttemptError otherwise."""
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

    declared: the algorithm's rows, sized. order: the layout of the training step's episodes.
    Raises RefusedError for names that are missing or not declared, for a wrong type or shape, for values that are not
    finite or not below the declared number, and where no rows are declared.
    """
    if not declared:
        raise RefusedError("Rows of a training step: the run's agents learn from individual rewards and send none.")
    if (faults := name_faults(given, declared)) is not None:
        raise RefusedError(f"Rows of a training step: {faults}.")
    return {row.name: _read_row(given[row.name], row, order) for row in declared}


def _read_row(given: Tensor, row: Row, order: Timeline) -> Any:
    found = decode(given, row.name, np.dtype(row.dtype), (1, row.count(order), *row.lengths))
    if row.below is not None and found.size and (found.min() < 0 or found.max() >= row.below):
        wrong = found.min() if found.min() < 0 else found.max()
        raise RefusedError(f"{row.name} must be from 0 to {int(row.below) - 1}; got {wrong}.")
    return found


def _sums(whole: torch.Tensor) -> Sequence[mixer_pb2.PoolSum]:
    array = whole.detach().cpu().numpy()
    return [mixer_pb2.PoolSum(row=encode(array[agent : agent + 1])) for agent in range(len(array))]
