"""A stream of requests and replies of one method, for calls that are made hundreds of times a round.

A call of its own costs Python's gRPC about twice what a message on a stream does (docs/performance.md). Nothing else is
different: a stream that breaks is begun anew with the same request, which can be sent twice without harm. There is no
deadline of one try; a connection that went away in silence is noticed by the pings of runtime.transport.security.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

from fedqmix.runtime.core.errors import AttemptError
from fedqmix.runtime.transport.calls import Line


class Conversation:
    """Requests to one stream-stream method, each answered before the next is sent.

    line: how to speak to the other party. method: of a generated stub.
    """

    def __init__(self, line: Line, method: Any) -> None:
        self._line, self._method = line, method
        self._requests: queue.SimpleQueue[Any] | None = None
        self._replies: Any = None
        self._waiting = False  # a request was sent whose reply nobody has taken

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
        if self._requests is not None:
            self._requests.put(None)
            self._replies.cancel()
        self._requests = self._replies = None
        self._waiting = False

    def _send(self, request: Any) -> None:
        if self._waiting:  # its reply must not be taken for this one's
            self.close()
        if self._requests is None:
            self._requests = queue.SimpleQueue()
            self._replies = self._method(iter(self._requests.get, None))
        self._requests.put(request)
        self._waiting = True

    def _take(self) -> Any:
        try:
            reply = next(self._replies, None)
        except BaseException:
            self.close()
            raise
        self._waiting = False
        if reply is None:
            self.close()
            raise AttemptError(f"{self._line.whom} hung up in the middle of a conversation.")
        return reply
