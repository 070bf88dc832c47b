"""The agent service: it answers one question at a time, and a repeated one from memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass

import grpc
from flwr.app import Message, Metadata, MetricRecord, RecordDict
from flwr.app.message import make_message

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import AttemptError, RefusedError
from fedqmix.runtime.transport.faults import answered, require_caller
from fedqmix.runtime.transport.proto.agent_pb2 import Answer, Question
from fedqmix.runtime.transport.proto.agent_pb2_grpc import AgentServicer
from fedqmix.runtime.transport.records import closed, opened, packed, unpacked
from fedqmix.runtime.transport.security import peer

HOLD_S = 20.0
"""Seconds that a call waits for an answer before it returns without one, so that the caller asks again."""
_A_DAY_S = 24 * 3600.0


@dataclass(frozen=True)
class _Asked:
    """An accepted question and its future answer."""

    about: tuple[str, int, int, str, int]  # run, attempt, round, kind, index
    answer: Future[bytes]


class AgentService(AgentServicer):
    """The gRPC service of one agent (runtime/transport/proto/agent.proto).

    agent: the agent; only the certificate of supernode-<agent> is accepted. answer: answers a question; it runs in
    a thread of its own, one question at a time. A FedqmixError that it raises is passed on to the caller.
    hold_s: see HOLD_S.

    An attempt number identifies one question. The service stores the newest question and its answer: when the question
    is repeated, the call returns this answer or waits for it. An older attempt is refused with AttemptError, and so is
    a repeated one after a question of another run.
    """

    def __init__(
        self,
        agent: int,
        answer: Callable[[Message], Message],
        hold_s: float = HOLD_S,
    ) -> None:
        self._agent, self._answer, self._hold = agent, answer, hold_s
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answer")
        self._lock = threading.Lock()
        self._newest: dict[str, int] = {}  # run -> its newest attempt
        self._asked: _Asked | None = None

    @answered
    def Ask(self, request: Question, context: grpc.ServicerContext) -> Answer:
        """Answer a question; an answer without content means that the caller must ask again."""
        require_caller(peer, context, f"supernode-{self._agent}")
        if request.kind == m.WHO:
            return Answer(content=packed(RecordDict({m.METRICS: MetricRecord({m.AGENT: self._agent})})))
        asked = self._take(request)
        try:
            return Answer(content=asked.answer.result(timeout=self._hold))
        except CancelledError:
            raise AttemptError(f"Attempt {request.attempt} was followed by another before it was begun.") from None
        except TimeoutError:
            if asked.answer.done():
                raise
            return Answer()

    def close(self) -> None:
        """Accept no more questions and cancel waiting ones; the current one is finished."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _take(self, request: Question) -> _Asked:
        about = (request.run, request.attempt, request.round, request.kind, request.index)
        with self._lock:
            if self._asked is not None and self._asked.about == about:
                return self._asked
            newest = self._newest.get(request.run, -1)
            if self._asked is not None and self._asked.about[:2] == about[:2]:
                raise RefusedError(f"Attempt {request.attempt} was asked of agent {self._agent} with another question.")
            if request.attempt <= newest:
                raise AttemptError(
                    f"Agent {self._agent} was asked about attempt {request.attempt}; it is at attempt {newest}."
                )
            question = _question(request)
            if self._asked is not None:
                self._asked.answer.cancel()  # succeeds only while it waits for the previous question
            self._newest[request.run] = request.attempt
            self._asked = _Asked(about, self._worker.submit(self._work, question))
            return self._asked

    def _work(self, question: Message) -> bytes:
        return packed(closed(self._answer(question).content))


def _question(request: Question) -> Message:
    """Rebuild Flower's message; the SuperNode keeps the original and replies to it."""
    about = Metadata(
        run_id=1,
        message_id=f"{request.run}/{request.attempt}",
        src_node_id=1,
        dst_node_id=2,
        reply_to_message_id="",
        group_id=str(request.round),
        created_at=time.time(),
        ttl=_A_DAY_S,
        message_type=request.kind,
    )
    return make_message(metadata=about, content=opened(unpacked(request.content)))
