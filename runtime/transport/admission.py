"""The admission of calls: allowed callers, number of open calls, deadline of the first message.

gRPC for Python holds a thread for every open stream and for every call whose request has not arrived. So each call
passes a gate before a byte of its request is read:

1. The service must admit the name in the caller's certificate.
2. An agent has one open call of each method. A new call cancels the previous one. An agent that still waits for the
   previous one opens another and repeats its request (runtime.transport.calls).
3. A party holds at most PLACES threads with one method, ending calls included.
4. A call whose first message does not arrive in time is cancelled, which frees its thread.

On a plain channel, callers have no names, and only the last rule applies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from fedqmix.runtime.transport.faults import Peer, refuse, wrong_caller

PLACES = 4
"""The maximum number of open calls of one party and method. Replaced calls need up to a second to end."""
FIRST_MESSAGE_S = 30.0
"""The deadline of the first message, equal to the deadline of one call (runtime.transport.calls). Honest callers send
at once; large messages need some time."""
_LOOKS = 10
"""The number of checks for late calls in this time."""
_CHECK = "/grpc.health.v1.Health/Check"


@dataclass(frozen=True)
class Rule:
    """The admission rule of a service.

    who: the allowed callers in words. may: decides from the caller's and the serving party's names. alone: a party
    has one open call of each method.
    """

    who: Callable[[str], str]
    may: Callable[[str, str], bool]
    alone: bool = False


def _is_agent(caller: str, _own: str) -> bool:
    return caller.startswith("agent-")


def _supernode_of(own: str) -> str:
    return own.replace("agent-", "supernode-", 1)


ANYBODY = Rule(lambda _: "any party", lambda caller, own: True)
RULES = {
    "fedqmix.World": Rule(lambda _: "an agent", _is_agent, alone=True),
    "fedqmix.Mixer": Rule(lambda _: "an agent", _is_agent, alone=True),
    "fedqmix.TeamSink": Rule(lambda _: "world", lambda caller, _: caller == "world", alone=True),
    "fedqmix.Control": Rule(lambda _: "superlink", lambda caller, _: caller == "superlink"),
    "fedqmix.Agent": Rule(_supernode_of, lambda caller, own: caller == _supernode_of(own)),
    "grpc.health.v1.Health": Rule(ANYBODY.who, ANYBODY.may, alone=True),
}
"""The rules by the service's full name; other services admit every party of the federation."""


@dataclass(eq=False)
class _Call:
    context: grpc.ServicerContext
    until: float  # deadline of its first message
    begun: bool = False


class Gate(grpc.ServerInterceptor):  # type: ignore[misc]
    """The gate of every method of a server except Health.Check.

    Health.Check reads nothing (runtime.transport.health).
    peer: see runtime.transport.faults. own: the serving party's name; empty without certificates.
    first_message_s: seconds. The owner closes the gate after the server.
    """

    def __init__(self, peer: Peer, own: str, first_message_s: float = FIRST_MESSAGE_S) -> None:
        self._peer, self._own, self._first = peer, own, first_message_s
        self._guarded: dict[str, grpc.RpcMethodHandler] = {}
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], list[_Call]] = {}  # by caller and method
        self._closed = threading.Event()
        threading.Thread(target=self._cancel_late_calls, name="gate", daemon=True).start()

    def close(self) -> None:
        """End the thread that cancels late calls."""
        self._closed.set()

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """Return the guarded handler of a method; None when the server has no such method."""
        method = handler_call_details.method
        if method not in self._guarded:
            handler = continuation(handler_call_details)
            if handler is None:
                return None
            self._guarded[method] = handler if method == _CHECK else self._guard(method, handler)
        return self._guarded[method]

    def _guard(self, method: str, handler: grpc.RpcMethodHandler) -> grpc.RpcMethodHandler:
        """Return a handler of a request stream for any handler.

        gRPC calls only such a handler before a request arrives.
        """
        rule = RULES.get(method.split("/")[1], ANYBODY)
        parse = handler.request_deserializer or bytes

        def request(requests: Iterator[bytes], call: _Call) -> Any:
            message = next(_parsed(requests, call, parse), None)
            if message is None:
                call.context.abort(grpc.StatusCode.CANCELLED, f"{method} was called without a request")
            return message

        def stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
            with self._admitted(method, rule, context) as call:
                if handler.request_streaming:
                    yield from handler.stream_stream(_parsed(requests, call, parse), context)
                else:
                    yield from handler.unary_stream(request(requests, call), context)

        def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> Any:
            with self._admitted(method, rule, context) as call:
                if handler.request_streaming:
                    return handler.stream_unary(_parsed(requests, call, parse), context)
                return handler.unary_unary(request(requests, call), context)

        # The gate parses requests, not gRPC, which never ends a stream with an unreadable request.
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(stream, None, handler.response_serializer)
        return grpc.stream_unary_rpc_method_handler(answer, None, handler.response_serializer)

    @contextmanager
    def _admitted(self, method: str, rule: Rule, context: grpc.ServicerContext) -> Iterator[_Call]:
        """Hold a place for a call while a thread works on it; refuse callers without a right to one."""
        party = self._peer(context)
        if party is not None and not rule.may(party, self._own):
            refuse(context, wrong_caller(rule.who(self._own), party))
        call = _Call(context, time.monotonic() + self._first)
        key = (party or "", method)
        with self._lock:
            others = self._open.setdefault(key, [])
            full = party is not None and len(others) >= PLACES
            replaced = list(others) if party is not None and rule.alone and not full else []
            if not full:
                others.append(call)
        if full:
            context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"{party} has {PLACES} calls of {method} open; try again later"
            )
        for other in replaced:
            other.context.cancel()
        try:
            yield call
        finally:
            with self._lock:
                others.remove(call)
                if not others:
                    del self._open[key]

    def _cancel_late_calls(self) -> None:
        while not self._closed.wait(self._first / _LOOKS):
            now = time.monotonic()
            with self._lock:
                late = [call for calls in self._open.values() for call in calls if not call.begun and call.until < now]
            for call in late:
                call.context.cancel()


def _parsed(requests: Iterator[bytes], call: _Call, parse: Callable[[bytes], Any]) -> Iterator[Any]:
    for request in requests:
        call.begun = True
        try:
            message = parse(request)
        except Exception:  # protobuf's, or any error of another parser
            call.context.abort(grpc.StatusCode.INTERNAL, "Exception deserializing request!")
        yield message
