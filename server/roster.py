"""Which Flower node is which agent, now: asked, not assumed, since a SuperNode may come back under another id."""

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
"""How long a node tries to reach its agent before it says that it cannot."""


class Clock(Protocol):
    """The `time` module, or a test's own time."""

    def monotonic(self) -> float:
        """Return seconds since some moment."""

    def sleep(self, seconds: float, /) -> None:
        """Let time pass."""


class Roster:
    """Agents and their nodes.

    A strategy knows an agent by the first node it answered from (`name`); messages go to the node it answers from now
    (`node`). A node that stopped without saying so stays listed for up to a minute (two heartbeats of 30 s), so being
    online is not enough to be counted: a node counts once its agent's door has said who it is (m.WHO).

    owners: node id -> the agent that the node's certificate and key stand for. A node counts as that agent or not at
    all. None where nodes prove nothing: what they say is believed. on_event: told why a node is not counted.
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
        self._asked: dict[int, tuple[float, float]] = {}  # node -> when, and how long until it is asked again

    @property
    def missing(self) -> list[int]:
        """Agents that no node has ever answered for."""
        return [agent for agent, name in enumerate(self._names) if name is None]

    @property
    def names(self) -> list[int]:
        """What the strategy calls the agents' nodes, in agent order; only those found so far."""
        return [name for name in self._names if name is not None]

    def agent(self, name: int) -> int:
        """Return the agent a strategy means."""
        return self._names.index(name)

    def name(self, agent: int) -> int:
        """Return what the strategy calls an agent's node."""
        name = self._names[agent]
        assert name is not None
        return name

    def node(self, agent: int) -> int:
        """Return the node that answers for an agent now."""
        node = self._nodes[agent]
        assert node is not None
        return node

    def look(self) -> list[int]:
        """See who is online, ask those that are not known, take their answers.

        Returns the agents that have come back since the last look: under another node id, or the same one.
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
                self._asked.pop(node, None)  # its agent is not there yet: ask again
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
        """Tell whether a node may answer for an agent; note it when it may not. It is asked again after a while."""
        if self._owners is None or self._owners.get(node) == agent:
            return True
        self._note(
            f"{self._called(node)} says that it is agent {agent}; it is not believed, and not counted. "
            "No SuperNode of fedqmix says so: look after its machine."
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
