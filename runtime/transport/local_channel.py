"""A channel whose streams go over a party's local socket, and whose calls go over gRPC."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc

from fedqmix.runtime.transport.frames import BadFrameError, FrameSocket, FrameTooLargeError, Kind
from fedqmix.runtime.transport.identity import Identity
from fedqmix.runtime.transport.local_error import LocalError, too_large, unavailable
from fedqmix.runtime.transport.local_socket import client_context, require_own_user

PING_S = 20.0
"""Seconds without a reply after which the server is asked whether it still works, and that an answer may take."""
CONNECT_S = 5.0
"""Seconds that a connection may take to be made, certificates included."""


class LocalPlace:
    """Where a party listens on this machine, and how to connect.

    path: of its socket. party: whose certificate it must show. identity: None for a party without certificates.
    limit: bytes of a message. ping_s: see PING_S.
    """

    def __init__(self, path: Path, party: str, identity: Identity | None, limit: int, ping_s: float = PING_S) -> None:
        self._path, self._party, self._limit, self._ping_s = path, party, limit, ping_s
        self._tls = client_context(identity)

    def connect(self) -> FrameSocket:
        """Return a new connection, both ends known to each other. Raises OSError when that fails."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_S)
            connection.connect(str(self._path))
            require_own_user(connection)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_hostname=self._party)
            connection.settimeout(self._ping_s)
        except BaseException:
            connection.close()
            raise
        return FrameSocket(connection, self._limit)

    def require_alive(self) -> None:
        """Ask the server for a sign of life. Raises OSError when none comes: it may be stopped."""
        frames = self.connect()
        try:
            frames.send(Kind.PING, b"")
            if frames.receive() != (Kind.PONG, b""):
                raise ConnectionError("The server gave no sign of life.")
        finally:
            frames.connection.close()


class LocalMethod:
    """One stream-stream method of a party; runtime.transport.conversation opens its streams."""

    def __init__(
        self, place: LocalPlace, name: str, write: Callable[[Any], bytes], read: Callable[[bytes], Any]
    ) -> None:
        self.place, self.name, self.write, self.read = place, name, write, read

    def open(self) -> LocalStream:
        """Return a stream, which connects when the first request is sent."""
        return LocalStream(self)


class LocalStream:
    """A stream of requests, each answered before the next is sent (runtime.transport.conversation.Stream)."""

    def __init__(self, method: LocalMethod) -> None:
        self._method = method
        self._frames: FrameSocket | None = None
        self._failure: LocalError | None = None

    def send(self, request: Any) -> None:
        """Send a request. What goes wrong is raised by `receive`."""
        try:
            if self._frames is None:
                self._frames = self._method.place.connect()
                self._frames.send(Kind.METHOD, self._method.name.encode())
            self._frames.send(Kind.MESSAGE, self._method.write(request))
        except FrameTooLargeError as error:
            self._failure = too_large(str(error))
        except OSError as error:
            self._failure = unavailable(f"{error}")

    def receive(self) -> Any:
        """Wait for the reply; return None when the method ended the stream. Raises LocalError.

        A connection that ends in any other way, as when the server is killed, is an error of code UNAVAILABLE.
        """
        try:
            frame = self._next_frame()
        except FrameTooLargeError as error:
            raise too_large(str(error)) from None
        except (OSError, BadFrameError) as error:
            raise self._failure or unavailable(f"{error}") from None
        if frame is None:
            raise self._failure or unavailable("The server closed the connection.")
        kind, body = frame
        if kind is Kind.END:
            return None
        if kind is Kind.ERROR:
            raise LocalError.read(body)
        if kind is not Kind.MESSAGE:
            raise LocalError(grpc.StatusCode.INTERNAL, f"Exception deserializing response! (a {kind.name} frame)")
        return self._read(body)

    def cancel(self) -> None:
        """End the stream."""
        if self._frames is not None:
            with suppress(OSError):
                self._frames.connection.close()

    def _next_frame(self) -> tuple[Kind, bytes] | None:
        if self._frames is None:
            assert self._failure is not None
            raise self._failure
        if self._failure is not None and self._failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise self._failure
        while True:
            try:
                return self._frames.receive()
            except TimeoutError:
                if self._failure is not None:
                    raise
                self._method.place.require_alive()

    def _read(self, body: bytes) -> Any:
        try:
            return self._method.read(body)
        except Exception as error:
            raise LocalError(grpc.StatusCode.INTERNAL, f"Exception deserializing response! {error}") from None


class LocalChannel:
    """A grpc.Channel as generated stubs use it: streams over the local socket, everything else over gRPC.

    channel: to the same party; closing this one closes it.
    """

    def __init__(self, channel: grpc.Channel, place: LocalPlace) -> None:
        self._channel, self._place = channel, place

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        """Return a call over gRPC."""
        return self._channel.unary_unary(*arguments, **options)

    def stream_stream(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        **_: object,
    ) -> LocalMethod:
        """Return a stream over the local socket."""
        return LocalMethod(self._place, method, request_serializer, response_deserializer)

    def close(self) -> None:
        """Close the channel that calls use; streams are their owners'."""
        self._channel.close()
