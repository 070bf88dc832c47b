"""Flower's network with faults, in simulated time; strategies, questions and answers are real.

Messages take their time, get lost, arrive twice or out of order; nodes go away and come back, also under another id;
clients crash; agents restart and break the attempt they were in.
"""

from __future__ import annotations

import copy
import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flwr.app import ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.controls import Standing
from fedqmix.runtime.core.errors import AttemptError, FedqmixError
from fedqmix.runtime.core.facts import Facts
from fedqmix.runtime.core.failures import failure_of
from fedqmix.runtime.transport.records import closed, opened
from fedqmix.strategies.local_grid import RUN_ID, take_server_identity

FAULTS = (
    "fine",
    "question lost",
    "question doubled",
    "slow",
    "answer lost",
    "answer doubled",
    "client crashes",
    "node restarts",
    "node comes back under another id",
    "agent restarts",
)


class Time:
    """Simulated seconds: sleeping makes things happen."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = until

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), event))


class Agents:
    """The agents' side: they meet, answer together, remember what they answered, and can do a round again.

    team: whatever has `answer(questions)` for one message per agent, and `facts()`; it is copied to be able to go back.
    """

    def __init__(self, team: Any, n_agents: int) -> None:
        self.team, self.n_agents = team, n_agents
        self.opened: list[tuple[Attempt, str, str]] = []
        self.reachable = True
        self.fatal: FedqmixError | None = None
        self._before: dict[tuple[int, str, int], Any] = {}
        self._met: dict[int, tuple[Message, Callable[[RecordDict], None]]] = {}
        self._memory: dict[int, tuple[int, RecordDict]] = {}  # agent -> attempt, answer
        self._answered = 0  # the newest attempt that was answered

    # Controls

    def open(self, attempt: Attempt, kind: str, config: str) -> None:
        if not self.reachable:
            raise AttemptError("the world could not be reached for 300 s")
        assert not self.opened or attempt.number > self.opened[-1][0].number
        self.break_off("another attempt has begun")
        self.opened.append((attempt, kind, config))

    def settle(self, attempt: Attempt, kind: str) -> None:
        """Nothing is asked of world and mixer afterwards."""

    def facts(self) -> Facts:
        return self.team.facts()

    def status(self) -> Standing | None:
        if not self.reachable or not self.opened:
            return None
        now = self.opened[-1][0].number
        finished = {agent for agent, (attempt, _) in self._memory.items() if attempt == now}
        return Standing(dict.fromkeys({*self._met, *finished}, 1), frozenset(finished))

    # What comes in by the doors

    def ask(self, agent: int, question: Message, reply: Callable[[RecordDict], None]) -> None:
        question.content = opened(question.content)  # as an agent's service does
        plan = question.content.config_records[m.PLAN]
        if question.metadata.message_type == m.WHO:
            reply(RecordDict({m.METRICS: MetricRecord({m.AGENT: agent})}))
            return
        attempt = int(plan[m.ATTEMPT])
        if agent in self._memory and self._memory[agent][0] == attempt:
            reply(copy.deepcopy(self._memory[agent][1]))
        elif attempt != self.opened[-1][0].number or attempt == self._answered:
            reply(_broken(f"attempt {attempt} is over"))  # for the others too, where this agent has forgotten it
        else:
            self._met[agent] = (question, reply)
            if len(self._met) == self.n_agents:
                self._answer(attempt)

    def restart(self, agent: int) -> None:
        """An agent is killed and comes back: it remembers nothing, and the others notice."""
        self._memory.pop(agent, None)
        self.break_off(f"agent {agent} went away")

    def break_off(self, text: str) -> None:
        waiting, self._met = self._met, {}
        for _, reply in waiting.values():
            reply(_broken(text))

    def _answer(self, attempt: int) -> None:
        questions = [self._met[agent][0] for agent in range(self.n_agents)]
        replies = [self._met[agent][1] for agent in range(self.n_agents)]
        self._met, self._answered = {}, attempt
        plan = questions[0].content.config_records[m.PLAN]
        key = int(plan.get(m.ROUND, 0)), questions[0].metadata.message_type, int(plan.get(m.INDEX, 0))
        self.team = copy.deepcopy(self._before.setdefault(key, copy.deepcopy(self.team)))
        if self.fatal is not None:
            for reply in replies:
                reply(_told(self.fatal))
            return
        answers = [closed(answer.content) for answer in self.team.answer(questions)]
        self._memory = {agent: (attempt, answer) for agent, answer in enumerate(answers)}
        for reply, answer in zip(replies, answers, strict=True):
            reply(copy.deepcopy(answer))


class FaultyNetwork(Grid):
    """faults: what happens to one message after the other; once they are used up, everything goes well.

    order: node k holds agent order[k]. stray: replies that were pulled before are handed out again with every pull.
    """

    def __init__(self, time: Time, agents: Agents, faults: Iterable[str] = (), stray: bool = False) -> None:
        take_server_identity()
        self.time, self.agents, self.stray = time, agents, stray
        self.holds = {1000 + agent: agent for agent in range(agents.n_agents)}  # node -> agent
        self.online = set(self.holds)
        self.pushed: list[Message] = []
        self._faults: Iterator[str] = iter(faults)
        self._ids = itertools.count(1)
        self._replies: dict[str, list[Message]] = {}
        self._old: list[Message] = []

    def set_run(self, run: Run) -> None:
        """There is one run."""

    @property
    def run(self) -> Run:
        return Run.create_empty(RUN_ID)

    def create_message(self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl=None):
        return Message(content, dst_node_id, message_type, group_id=group_id, ttl=ttl)

    def get_node_ids(self) -> Iterable[int]:
        return sorted(self.online, reverse=True)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        return [self._push(message) for message in messages]

    def pull_messages(self, message_ids: Iterable[str]) -> Sequence[Message]:
        found = [reply for one in list(message_ids) for reply in self._replies.pop(one, [])]
        strays = list(self._old) if self.stray else []
        self._old += found
        return [*strays, *reversed(found)]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        raise AssertionError("Flower's own would wait for ever for what was lost")

    def _push(self, message: Message) -> str:
        node = message.metadata.dst_node_id
        if node not in self.online:
            return ""
        number = str(next(self._ids))
        message.metadata.__dict__["_message_id"] = number
        self.pushed.append(message)
        fault = next(self._faults, "fine")
        if fault != "question lost":
            self.time.after(40.0 if fault == "slow" else 2.0, lambda: self._deliver(message, fault))
        if fault == "question doubled":
            self.time.after(7.0, lambda: self._deliver(message, "fine"))
        return number

    def _deliver(self, message: Message, fault: str) -> None:
        node = message.metadata.dst_node_id
        agent = self.holds[node]
        if node not in self.online:
            self._say(Message(Error(ErrorCode.NODE_UNAVAILABLE, "no heartbeat"), reply_to=message), 20.0)
        elif fault == "client crashes":
            self._say(Message(Error(ErrorCode.CLIENT_APP_CRASHED, "stopped responding"), reply_to=message), 50.0)
        elif fault.startswith("node "):
            self.leave(node, 30.0, another="another" in fault)
            self.agents.ask(agent, message, lambda content: None)  # the agent has heard it all the same
        else:
            self.agents.ask(agent, message, lambda content: self._answered(message, content, fault))
            if fault == "agent restarts":
                self.agents.restart(agent)

    def _answered(self, message: Message, content: RecordDict, fault: str) -> None:
        reply = Message(content, reply_to=message)
        if fault != "answer lost":
            self._say(reply, 1.0)
        if fault == "answer doubled":
            self._say(reply, 1.0)
            self._say(reply, 3.0)

    def _say(self, reply: Message, delay: float) -> None:
        answered = reply.metadata.reply_to_message_id
        self.time.after(delay, lambda: self._replies.setdefault(answered, []).append(reply))

    def leave(self, node: int, seconds: float, another: bool = False) -> None:
        """A node goes offline and comes back."""
        self.online.discard(node)
        back = max(self.holds) + 1 if another else node
        self.holds[back] = self.holds[node]
        self.time.after(seconds, lambda: self.online.add(back))


class SimulatedNodes(FaultyNetwork):
    """Flower's simulation: only `rooms` nodes are at work at once, and none stays at its agent's door for long.

    sent_away: how often one left without an answer.
    """

    def __init__(self, *arguments: Any, rooms: int) -> None:
        super().__init__(*arguments)
        self.sent_away = 0
        self._rooms = rooms
        self._waiting: list[Message] = []

    def _deliver(self, message: Message, fault: str) -> None:
        if not self._rooms:
            self._waiting.append(message)
            return
        self._rooms -= 1
        gone = False

        def leave(content: RecordDict) -> None:
            nonlocal gone
            if gone:
                return
            gone = True
            self._rooms += 1
            self._answered(message, content, fault)
            if self._waiting:
                self._deliver(self._waiting.pop(0), "fine")

        def tire() -> None:
            self.sent_away += not gone
            leave(RecordDict({m.AT_WORK: ConfigRecord()}))

        self.time.after(1.0, tire)
        self.agents.ask(self.holds[message.metadata.dst_node_id], message, leave)


def _told(error: FedqmixError) -> RecordDict:
    return RecordDict({m.FAILURE: ConfigRecord(dict(vars(failure_of(error))))})


def _broken(text: str) -> RecordDict:
    return _told(AttemptError(text))
