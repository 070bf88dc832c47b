"""Headers of messages, and the rendezvous tickets made from them."""

from __future__ import annotations

import hashlib
from typing import Any

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.transport.proto.attempt_pb2 import Attempt as AttemptMessage
from fedqmix.runtime.transport.proto.attempt_pb2 import Header
from fedqmix.runtime.transport.standing import Ticket


def attempt_message(attempt: Attempt) -> AttemptMessage:
    """Return an attempt as a message."""
    return AttemptMessage(run=attempt.run, round=attempt.round, number=attempt.number)


def read_attempt(message: AttemptMessage) -> Attempt:
    """Return the attempt of a message."""
    return Attempt(message.run, message.round, message.number)


def header(attempt: Attempt, agent: int, sequence: int) -> Header:
    """Return the header of an agent's request. sequence: counts its requests from 1."""
    return Header(attempt=attempt_message(attempt), agent=agent, sequence=sequence)


def ticket(request: Any, said: Any, agent: int) -> Ticket:
    """Return the ticket of a request. said: the message with the fields attempt and sequence."""
    digest = hashlib.blake2b(type(request).__name__.encode() + request.SerializeToString(), digest_size=16).digest()
    return Ticket(read_attempt(said.attempt), agent, said.sequence, digest)
