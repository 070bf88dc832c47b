"""A stream of requests and replies of one method, for calls that are made hundreds of times a round.

A call of its own costs Python's gRPC about twice what a message on a stream does (docs/performance.md). Nothing else is
different: a stream that breaks is begun anew with the same request, which can be sent twice without harm. There is no
deadline of one try; a connection that went away in silence is noticed by the pings of runtime.transport.security.

Between two parties of one machine a stream goes over a local socket (runtime.transport.local_channel), anywhere else
over gRPC. Requests, replies and errors are the same.
"""

from __future__ import annotations

import queue
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from fedqmix.runtime.core.errors import AttemptError
from fedqmix.runtime.transport.calls import Line
from fedqmix.runtime.transport.local_channel import LocalMethod


class Stream(Protocol):
    """One open stream to a method."""

    def send(self, request: Any) -> None:
        """Send a request without waiting. What goes wrong is raised by `receive`."""

    def receive(self) -> Any:
        """Wait for the reply; return None when the server ended the stream. Raises grpc.RpcError."""

    def cancel(self) -> None:
        """End the stream."""


class GrpcStream:
    """A stream of gRPC's."""

    def __init__(self, method: Any) -> None:
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._replies = method(iter(self._requests.get, None))
        weakref.finalize(self, self._requests.put, None)  # ends gRPC's thread, which waits for the next request

    def send(self, request: Any) -> None:
        """See Stream."""
        self._requests.put(request)

    def receive(self) -> Any:
        """See Stream."""
        return next(self._replies, None)

    def cancel(self) -> None:
        """See Stream."""
        self._requests.put(None)
        self._replies.cancel()


def open_stream(method: Any) -> Stream:
    """Open a stream to a stream-stream method of a generated stub."""
    return method.open() if isinstance(method, LocalMethod) else GrpcStream(method)


class Conversation:
    """Requests to one stream-stream method, each answered before the next is sent.

    line: how to speak to the other party. method: of a generated stub.
    """

    def __init__(self, line: Line, method: Any) -> None:
        self._line, self._method = line, method
        self._stream: Stream | None = None
        self._waiting = False  # a request was sent, and its reply was not read

    def call(self, request: Any) -> Any:
        """Return the reply to a request; raises as `Line.call` does."""
        return self.start(request)()

    def start(self, request: Any) -> Callable[[], Any]:
        """Send a request without waiting; return a function that waits for the reply and must be called."""
        self._send(request)

        def again() -> Any:
            self._send(request)
            return self._take()

        return lambda: self._line.answer(self._take, again)

    def close(self) -> None:
        """Hang up; the next request begins a new stream."""
        if self._stream is not None:
            self._stream.cancel()
        self._stream = None
        self._waiting = False

    def _send(self, request: Any) -> None:
        if self._waiting:  # its reply must not be taken for this one's
            self.close()
        if self._stream is None:
            self._stream = open_stream(self._method)
        self._stream.send(request)
        self._waiting = True

    def _take(self) -> Any:
        assert self._stream is not None
        try:
            reply = self._stream.receive()
        except BaseException:
            self.close()
            raise
        self._waiting = False
        if reply is None:
            self.close()
            raise AttemptError(f"{self._line.party} hung up in the middle of a conversation.")
        return reply
