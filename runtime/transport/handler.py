"""The request handler of the World, Mixer and TeamSink services: caller check, meeting and ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import grpc

from fedqmix.runtime.transport.faults import Peer, require_caller
from fedqmix.runtime.transport.ledger import Ledger
from fedqmix.runtime.transport.rendezvous import Rendezvous
from fedqmix.runtime.transport.tickets import ticket

Request = TypeVar("Request")


class RequestHandler:
    """The handler of requests: it checks the caller's name, waits for the other agents, and counts bytes."""

    def __init__(self, meeting: Rendezvous, ledger: Ledger, peer: Peer) -> None:
        self.meeting, self.ledger, self.peer = meeting, ledger, peer

    def agents(
        self,
        message: Any,
        context: grpc.ServicerContext,
        read: Callable[[], tuple[str, Request]],
        together: Callable[[list[Request]], Sequence[Any]],
    ) -> Any:
        """Answer an agent's message when all agents have sent theirs; see Rendezvous.meet."""
        said = message.header
        return self._answer(message, context, said, said.agent, f"agent-{said.agent}", read, together)

    def world(
        self,
        message: Any,
        context: grpc.ServicerContext,
        read: Callable[[], tuple[str, Request]],
        together: Callable[[list[Request]], Sequence[Any]],
    ) -> Any:
        """Answer a message of the world, which waits for no agent: it is processed in order, and once."""
        return self._answer(message, context, message, 0, "world", read, together)

    def _answer(
        self,
        message: Any,
        context: grpc.ServicerContext,
        said: Any,
        seat: int,
        party: str,
        read: Callable[[], tuple[str, Request]],
        together: Callable[[list[Request]], Sequence[Any]],
    ) -> Any:
        require_caller(self.peer, context, party)
        asked = ticket(message, said, seat)
        reply = self.meeting.meet(asked, read, together, context.is_active)
        self.ledger.add(asked.attempt.run, asked.attempt.round, party, message.ByteSize(), reply.ByteSize())
        return reply
