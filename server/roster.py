"""The roster: which Flower node answers for which agent now. A returning SuperNode may have another node id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.agent_services import AgentServices

ASK_AGAIN_S, LONGEST_ASK_AGAIN_S = 30.0, 60.0
ANSWER_WITHIN_S = 10.0
"""Seconds for which a node tries to reach its agent before it replies with an error."""


class Clock(Protocol):
    """The functions used of the `time` module; a test passes a simulated clock."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""

    def sleep(self, seconds: float, /) -> None:
        """Wait for some seconds."""


class Roster:
    """The agents and their nodes.

    A strategy identifies an agent by the first node that answered for it (`name`). Messages go to the node that
    answers for it now (`node`). Flower lists a node that stopped without notice for up to a minute (two heartbeats of
    30 s). So an online node counts only after its agent service has named its agent (m.WHO).

    owners: node id -> the agent that the node's certificate and key identify. A node counts as that agent or not at
    all. None: nodes are not authenticated, and their answers are trusted. on_event: called with the reason why a node
    is not counted.
    """

    def __init__(
        self,
        inner: Grid,
        n_agents: int,
        run: str,
        agent_services: AgentServices,
        clock: Clock,
        owners: Mapping[int, int] | None,
        on_event: Callable[[str], None],
    ) -> None:
        self.n_agents = n_agents
        self.online: set[int] = set()
        self._inner, self._clock = inner, clock
        self._owners, self._on_event = owners, on_event
        self._noted: set[str] = set()
        self._plan = ConfigRecord(
            {
                m.RUN: run,
                m.PATIENCE: ANSWER_WITHIN_S,
                m.AGENT_SERVICES: list(agent_services.places),
                m.CERTS: agent_services.certs,
            }
        )
        self._names: list[int | None] = [None] * n_agents
        self._nodes: list[int | None] = [None] * n_agents
        self._known: set[int] = set()
        self._pending: dict[str, int] = {}  # message id -> node
        self._asked: dict[int, tuple[float, float]] = {}  # node -> time of the question, seconds until the next one

    @property
    def missing(self) -> list[int]:
        """The agents for which no node has answered yet."""
        return [agent for agent, name in enumerate(self._names) if name is None]

    @property
    def names(self) -> list[int]:
        """The agents' names for the strategy, in agent order; only of agents found so far."""
        return [name for name in self._names if name is not None]

    def agent(self, name: int) -> int:
        """Return the agent that has a name."""
        return self._names.index(name)

    def name(self, agent: int) -> int:
        """Return an agent's name for the strategy: the first node that answered for it."""
        name = self._names[agent]
        assert name is not None
        return name

    def node(self, agent: int) -> int:
        """Return the node that answers for an agent now."""
        node = self._nodes[agent]
        assert node is not None
        return node

    def look(self) -> list[int]:
        """Update the roster: list the nodes online, question unknown ones, read their answers.

        Returns the agents whose nodes came back since the last call, under the same or another node id.
        """
        online = set(self._inner.get_node_ids())
        back = {agent for agent, node in enumerate(self._nodes) if node in online - self.online}
        self.online = online
        self._ask(online - self._known)
        for reply in self._inner.pull_messages(list(self._pending)) if self._pending else ():
            node = self._pending.pop(reply.metadata.reply_to_message_id, None)
            agent = _agent_in(reply)
            if node is None:
                continue
            self._note_failure(node, reply)
            if agent is None or not 0 <= agent < self.n_agents:
                self._asked.pop(node, None)  # its agent has not started yet: ask again
                continue
            if not self._stands_for(node, agent):
                continue
            self._known.add(node)
            back.add(agent)
            self._nodes[agent] = node
            if self._names[agent] is None:
                self._names[agent] = node
        return sorted(back)

    def _stands_for(self, node: int, agent: int) -> bool:
        """Return whether a node may answer for an agent; report a node that may not. It is asked again later."""
        if self._owners is None or self._owners.get(node) == agent:
            return True
        self._note(
            f"{self._called(node)} says that it is agent {agent}; it is not believed, and not counted. "
            "A SuperNode of fedqmix never does this: check its machine."
        )
        return False

    def _note_failure(self, node: int, reply: Message) -> None:
        if reply.has_error() and reply.error.code == ErrorCode.CLIENT_APP_RAISED_EXCEPTION:
            self._note(f"{self._called(node)} cannot answer: {reply.error.reason}")

    def _called(self, node: int) -> str:
        owner = None if self._owners is None else self._owners.get(node)
        return f"a SuperNode ({node})" if owner is None else f"the SuperNode of agent {owner}"

    def _note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._on_event(text)

    def _ask(self, nodes: set[int]) -> None:
        now = self._clock.monotonic()
        due = [node for node in sorted(nodes) if now >= sum(self._asked.get(node, (now, 0.0)))]
        if not due:
            return
        questions = [Message(RecordDict({m.PLAN: ConfigRecord({**self._plan})}), node, m.WHO) for node in due]
        for node, message_id in zip(due, self._inner.push_messages(questions), strict=False):
            if message_id:
                self._pending[message_id] = node
                _, before = self._asked.get(node, (0.0, ASK_AGAIN_S / 2))
                self._asked[node] = (now, min(2 * before, LONGEST_ASK_AGAIN_S))


def _agent_in(reply: Message) -> int | None:
    metrics = reply.content.metric_records.get(m.METRICS) if reply.has_content() else None
    agent = None if metrics is None else metrics.get(m.AGENT)
    return agent if isinstance(agent, int) else None
