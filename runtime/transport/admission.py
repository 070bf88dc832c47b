"""Which party may open which call, how many at once, and how soon its first message must arrive.

gRPC for Python keeps a thread for every open stream and for every call whose request is still on its way. So each call
passes a gate before a byte of its request is read:

1. The name in the caller's certificate must be one that the service is for.
2. An agent has one open call of each method; a new one takes the place of the one before, which is cancelled. The
   agent, if it still listens there, opens another and repeats its request (runtime.transport.calls).
3. No party keeps more than PLACES threads with one method, those included that are about to end.
4. A call whose first message does not arrive in time is cancelled, and its thread is free.

On a plain channel nobody has a name, and only the last rule applies.
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
"""Calls of one party and one method at once. Replaced ones need up to a second to end."""
FIRST_MESSAGE_S = 30.0
"""As long as one try at a call may take (runtime.transport.calls). Honest callers send at once; large messages need
a while."""
_LOOKS = 10
"""How often late calls are looked for in that time."""
_CHECK = "/grpc.health.v1.Health/Check"


@dataclass(frozen=True)
class Rule:
    """Who may call a service.

    who: in words. may: from the caller's name and the serving party's. alone: a party has one open call of each method.
    """

    who: Callable[[str], str]
    may: Callable[[str, str], bool]
    alone: bool = False


def _is_agent(caller: str, _own: str) -> bool:
    return caller.startswith("agent-")


def _supernode_of(own: str) -> str:
    return own.replace("agent-", "supernode-", 1)


ANYBODY = Rule(lambda _: "anybody", lambda caller, own: True)
RULES = {
    "fedqmix.World": Rule(lambda _: "an agent", _is_agent, alone=True),
    "fedqmix.Mixer": Rule(lambda _: "an agent", _is_agent, alone=True),
    "fedqmix.TeamSink": Rule(lambda _: "world", lambda caller, _: caller == "world", alone=True),
    "fedqmix.Control": Rule(lambda _: "superlink", lambda caller, _: caller == "superlink"),
    "fedqmix.Agent": Rule(_supernode_of, lambda caller, own: caller == _supernode_of(own)),
    "grpc.health.v1.Health": Rule(ANYBODY.who, ANYBODY.may, alone=True),
}
"""By the service's full name; a service that is not named here is for every party of the federation."""


@dataclass(eq=False)
class _Call:
    context: grpc.ServicerContext
    until: float  # when its first message must be here
    begun: bool = False


class Gate(grpc.ServerInterceptor):  # type: ignore[misc]
    """Guards every method of a server but Health.Check, which reads nothing (runtime.transport.health).

    peer: see runtime.transport.faults. own: the name of the party that serves; empty without certificates.
    first_message_s: seconds. Close it after the server.
    """

    def __init__(self, peer: Peer, own: str, first_message_s: float = FIRST_MESSAGE_S) -> None:
        self._peer, self._own, self._first = peer, own, first_message_s
        self._guarded: dict[str, grpc.RpcMethodHandler] = {}
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], list[_Call]] = {}  # by caller and method
        self._closed = threading.Event()
        threading.Thread(target=self._cancel_late_calls, name="gate", daemon=True).start()

    def close(self) -> None:
        """End the thread that looks for late calls."""
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
        """Make of any handler one of a stream of requests, as only such a one is called before a request is there."""
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

        # the bytes of a request are read here and not by gRPC, which never ends a stream whose request it cannot read
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(stream, None, handler.response_serializer)
        return grpc.stream_unary_rpc_method_handler(answer, None, handler.response_serializer)

    @contextmanager
    def _admitted(self, method: str, rule: Rule, context: grpc.ServicerContext) -> Iterator[_Call]:
        """Keep a place for a call as long as a thread is busy with it; refuse it if its caller may not have one."""
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
        except Exception:  # protobuf's, or whatever another parser raises
            call.context.abort(grpc.StatusCode.INTERNAL, "Exception deserializing request!")
        yield message
