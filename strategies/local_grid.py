"""An in-process Flower Grid whose nodes are the stacked agents.

It behaves as a SuperLink does for a strategy: one node and one message per agent, Flower messages both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from flwr.app import Context, Message, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

RUN_ID = 1
_FIRST_NODE = 1000  # any number; Flower's own node ids are random

Answer = Callable[[Sequence[Message]], list[Message]]
"""Function from one message per agent to one reply per agent, in agent order."""


def take_server_identity() -> None:
    """Set Flower's process-wide task identity, which Messages need outside a SuperLink.

    The identity lives in flwr.supercore.task_identity; tests/runtime/flower/test_grid.py names the versions.
    """
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = RUN_ID, SUPERLINK_NODE_ID, 1


def server_context() -> Context:
    """Return the Context that a ServerApp is called with."""
    return Context(run_id=RUN_ID, node_id=SUPERLINK_NODE_ID, node_config={}, state=RecordDict(), run_config={})


class LocalGrid(Grid):
    """A Grid that passes a team's messages to one function and keeps the replies until a pull."""

    def __init__(self, n_agents: int, answer: Answer) -> None:
        take_server_identity()
        self._nodes = [_FIRST_NODE + agent for agent in range(n_agents)]
        self._answer = answer
        self._replies: dict[str, Message] = {}
        self._sent = 0

    def set_run(self, run: Run) -> None:
        """Do nothing: this Grid has one run."""

    @property
    def run(self) -> Run:
        """Return an empty description of the one run."""
        return Run.create_empty(RUN_ID)

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """Create a message from the server."""
        return Message(content, dst_node_id, message_type, group_id=group_id, ttl=ttl)

    def get_node_ids(self) -> Iterable[int]:
        """Return one node per agent."""
        return list(self._nodes)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Pass the messages to the team and store its replies. messages: one per agent, or none."""
        questions = sorted(messages, key=lambda message: message.metadata.dst_node_id)
        if not questions:
            return []
        ids = []
        for question in questions:
            self._sent += 1
            question.metadata.__dict__["_message_id"] = str(self._sent)  # as a SuperLink does
            ids.append(str(self._sent))
        self._replies |= dict(zip(ids, self._answer(questions), strict=True))
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the stored replies with these ids; each is returned once."""
        return [self._replies.pop(message_id) for message_id in message_ids if message_id in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Push messages and pull their replies. timeout: not used within a process."""
        return self.pull_messages(self.push_messages(messages))
