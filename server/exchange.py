"""The exchange of one attempt: one question and one answer per agent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import cast

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.common.serde import message_to_proto
from flwr.serverapp import Grid

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.controls import Standing
from fedqmix.runtime.core.errors import DivergenceError, FederationError, FedqmixError, RefusedError
from fedqmix.runtime.core.failures import ATTEMPT, Failure, error_of
from fedqmix.runtime.transport.records import closed, opened
from fedqmix.server.roster import Clock, Roster

PUSH_AGAIN_S = 1.0
RESEND_S, LONGEST_RESEND_S = 30.0, 120.0
"""Seconds until a question counts as lost. Each repetition starts a process, up to 10 s on a busy machine."""
STRIKES = 5
LONGEST_WORDS = 10_000
"""The most characters of an agent's error text."""

AWAY = {ErrorCode.NODE_UNAVAILABLE, ErrorCode.MESSAGE_UNAVAILABLE, ErrorCode.REPLY_MESSAGE_UNAVAILABLE}
"""Flower's errors of the network, in contrast to errors of the client."""

Bytes = dict[tuple[int, int, str], list[int]]
"""(round, agent, "flower") -> [bytes up, bytes down] of serialised messages."""


class Exchange:
    """The questions of one attempt, their answers, and the questions to be sent again.

    questions: agent -> the strategy's message. plan: entries added to each question's plan.
    ledger: counts bytes. An answer is identified by the id of its question, so replies to an earlier attempt are
    never read.
    """

    def __init__(
        self,
        inner: Grid,
        roster: Roster,
        clock: Clock,
        questions: Mapping[int, Message],
        plan: ConfigRecord,
        ledger: Bytes,
    ) -> None:
        self.answers: dict[int, Message] = {}
        self.broken: str | None = None  # why this attempt cannot be finished, as an agent reports it
        self._inner, self._roster, self._clock, self._ledger = inner, roster, clock, ledger
        self._questions, self._plan = questions, plan
        self._round = int(cast(int, next(iter(questions.values())).content.config_records[m.PLAN].get(m.ROUND, 0)))
        self._pending: dict[str, int] = {}  # message id -> agent
        now = clock.monotonic()
        self._due = dict.fromkeys(questions, now)  # agent -> time to push its question (again)
        self._wait = dict.fromkeys(questions, RESEND_S)
        self._strikes = dict.fromkeys(questions, 0)

    @property
    def unanswered(self) -> list[int]:
        """The agents without an answer so far."""
        return [agent for agent in self._questions if agent not in self.answers]

    def send(self) -> None:
        """Push the questions that are due."""
        now = self._clock.monotonic()
        due = [agent for agent in self.unanswered if now >= self._due[agent]]
        messages = [self._message(agent) for agent in due]
        sizes = [_size(message) for message in messages]
        ids = list(self._inner.push_messages(messages)) if due else []
        ids += [""] * (len(due) - len(ids))
        for agent, size, message_id in zip(due, sizes, ids, strict=True):
            if message_id:  # none: its node is not online
                self._pending[message_id] = agent
                self._count(agent, down=size)
            self._due[agent] = math.inf if message_id else now + PUSH_AGAIN_S

    def receive(self) -> list[int]:
        """Pull replies; return the agents whose answer is new.

        Raises, before any other error, the error with which an agent ended the run. Raises FederationError when an
        agent's Flower client failed too often or answers as another agent.
        """
        found = []
        broken = None
        for reply in self._inner.pull_messages(list(self._pending)) if self._pending else ():
            agent = self._pending.get(reply.metadata.reply_to_message_id)
            if agent is None:
                continue
            self._count(agent, up=_size(reply))
            if reply.has_error():
                self._pending.pop(reply.metadata.reply_to_message_id)
                self._failed(agent, reply)
                continue
            reply.content = _opened(reply)
            if m.AT_WORK in reply.content.config_records:
                self._pending.pop(reply.metadata.reply_to_message_id)
                self._due[agent] = self._clock.monotonic()
            elif (failure := _failure_in(reply)) is not None:
                if failure.kind != ATTEMPT:
                    raise _said_by(agent, failure)
                broken = failure.text
            elif agent not in self.answers:
                _require_itself(agent, reply)
                self._pending.pop(reply.metadata.reply_to_message_id)  # Flower raises when it is pulled again
                reply.metadata.__dict__["_src_node_id"] = self._roster.name(agent)  # the strategy knows this node
                self.answers[agent] = reply
                found.append(agent)
        self.broken = self.broken or broken
        return found

    def resend(self, standing: Standing | None, back: Iterable[int]) -> None:
        """Schedule lost questions to be pushed again.

        standing: the agents' progress, None when unknown. back: agents whose nodes came back and lost their question.
        An agent at work will answer. An agent that has finished, or has not begun long after its question was pushed,
        gets it again, at growing intervals. Agents store their answers, so a repeated question costs them no work.
        """
        now = self._clock.monotonic()
        for agent in self.unanswered:
            at_work = standing is None or (agent in standing.calls and agent not in standing.finished)
            if agent in back:
                self._due[agent] = now
            elif not at_work and self._due[agent] == math.inf:
                self._due[agent] = now + self._wait[agent]
                self._wait[agent] = min(2 * self._wait[agent], LONGEST_RESEND_S)

    def _message(self, agent: int) -> Message:
        question = self._questions[agent]
        plan = ConfigRecord({**question.content.config_records[m.PLAN], **self._plan})
        content = RecordDict({**question.content, m.PLAN: plan})
        about = question.metadata
        return Message(closed(content), self._roster.node(agent), about.message_type, group_id=about.group_id)

    def _failed(self, agent: int, reply: Message) -> None:
        """Schedule the question again; the agent's own work is not lost.

        Raises FederationError after STRIKES failures of the agent's Flower client.
        """
        self._due[agent] = self._clock.monotonic() + PUSH_AGAIN_S
        if reply.error.code in AWAY:
            return
        self._strikes[agent] += 1
        if self._strikes[agent] >= STRIKES:
            raise FederationError(
                f"the Flower client of agent {agent} failed {STRIKES} times in a row: {reply.error.reason}. "
                "See its SuperNode's log."
            )

    def _count(self, agent: int, up: int = 0, down: int = 0) -> None:
        line = self._ledger.setdefault((self._round, agent, "flower"), [0, 0])
        line[0] += up
        line[1] += down


def _opened(reply: Message) -> RecordDict:
    """Return an answer's records, or why they cannot be read: the strategy decides what that costs the agent."""
    try:
        return opened(reply.content)
    except RefusedError as error:
        return RecordDict({m.UNREADABLE: ConfigRecord({m.REASON: str(error)})})


def _require_itself(agent: int, reply: Message) -> None:
    """Raise FederationError when an answer names another agent than its node's."""
    metrics = reply.content.metric_records.get(m.METRICS)
    named = agent if metrics is None else metrics.get(m.AGENT, agent)
    if named != agent:
        raise FederationError(f"the SuperNode of agent {agent} answered as agent {named}. The run can be resumed.")


def _size(message: Message) -> int:
    return int(message_to_proto(message).ByteSize())


def _failure_in(reply: Message) -> Failure | None:
    record = reply.content.config_records.get(m.FAILURE)
    if record is None:
        return None
    return Failure(*(_printable(record.get(field, "")) for field in ("kind", "error", "text", "arguments")))


def _printable(value: object) -> str:
    """Return an agent's text without control characters, which a terminal would execute."""
    return "".join(one if one.isprintable() or one == "\n" else "?" for one in str(value)[:LONGEST_WORDS])


def _said_by(agent: int, failure: Failure) -> FedqmixError:
    """Return the error with which an agent ended the run; its text names the agent."""
    error, own = error_of(failure), f"agent {agent}"
    if own in str(error):
        return error
    if isinstance(error, DivergenceError):
        return DivergenceError(f"{error.place}, as {own} says,", error.step)
    return type(error)(f"{own} says that the run cannot go on: {error}")
