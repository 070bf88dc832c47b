"""Calls that a certified party opens and leaves alone, and the threads of servers in this process that they keep."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc

from fedqmix.runtime.transport.security import Identity

A_CONNECTION = 90
"""Calls on one connection."""


class HeldCalls:
    """Opens calls over connections of its own, sends what it is given on each, and then nothing until it is closed."""

    def __init__(self, identity: Identity | None, port: int, party: str) -> None:
        self._identity, self._address, self._party = identity, f"127.0.0.1:{port}", party
        self._channels: list[grpc.Channel] = []
        self._released = threading.Event()
        self.calls: list[grpc.Call] = []

    def open(self, methods: Sequence[str], count: int, first: bytes | None = None) -> None:
        """Open `count` calls, the methods in turn; return when the server has done with them what it does."""
        for number in range(count):
            if number % A_CONNECTION == 0:
                self._channels.append(self._connection())
            call = self._channels[-1].stream_stream(methods[number % len(methods)])
            self.calls.append(call(self._say(first)))
        before = None
        while before != (before := (self.ended(), busy())):
            time.sleep(0.2)

    def open_at_once(self, methods: Sequence[str], first: bytes | None = None) -> None:
        """Open a call of each method on one connection."""
        if not self._channels:
            self._channels.append(self._connection())
        self.calls += [self._channels[0].stream_stream(method)(self._say(first)) for method in methods]

    def ended(self) -> int:
        """How many of the calls the server has ended."""
        return sum(call.done() for call in self.calls)

    def codes(self) -> set[grpc.StatusCode]:
        """How the calls have ended that have."""
        return {call.code() for call in self.calls if call.done()}

    def close(self) -> None:
        """Hang up."""
        self._released.set()
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> HeldCalls:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _say(self, first: bytes | None) -> Iterator[bytes]:
        if first is not None:
            yield first
        self._released.wait()

    def _connection(self) -> grpc.Channel:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        if self._identity is None:
            return grpc.insecure_channel(self._address, options)
        own = self._identity
        credentials = grpc.ssl_channel_credentials(own.authority, own.key, own.certificate)
        return grpc.secure_channel(
            self._address, credentials, [*options, ("grpc.ssl_target_name_override", self._party)]
        )


def busy() -> int:
    """Return how many threads of servers in this process a call keeps.

    By the pools' own count of idle threads: to look at the threads' frames (sys._current_frames) can wait for ever
    when a garbage collection comes in between (CPython issue 106883).
    """
    pools = [one for one in gc.get_objects() if type(one) is ThreadPoolExecutor]
    calls = [pool for pool in pools if pool._thread_name_prefix == "call"]
    return sum(len([t for t in pool._threads if t.is_alive()]) - pool._idle_semaphore._value for pool in calls)
