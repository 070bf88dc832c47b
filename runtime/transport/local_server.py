"""Serves the streams of a gRPC server on a local socket: same methods, same gate, a thread for each stream."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import grpc

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.transport.admission import Gate
from fedqmix.runtime.transport.frames import BadFrameError, FrameSocket, FrameTooLargeError, Kind
from fedqmix.runtime.transport.identity import Identity
from fedqmix.runtime.transport.local_context import LocalContext
from fedqmix.runtime.transport.local_error import LocalError, too_large
from fedqmix.runtime.transport.local_socket import require_own_user, require_private, server_context, shown_name

_log = logging.getLogger(__name__)
_BACKLOG = 128
PAUSE_S = 0.1
"""Seconds after which a connection that could not be accepted is tried again."""


class StreamMethods:
    """Collects the stream-stream methods that `add_..._to_server` functions add, by full name."""

    def __init__(self) -> None:
        self.handlers: dict[str, grpc.RpcMethodHandler] = {}

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler]) -> None:
        """Take a service's methods, as grpc.Server does."""
        for name, handler in handlers.items():
            if handler.request_streaming and handler.response_streaming:
                self.handlers[f"/{service}/{name}"] = handler

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Take nothing: generated code adds every method in both ways."""


class LocalServer:
    """Listens on a Unix domain socket from the start.

    path: of the socket, in a folder that belongs to this user alone. identity: None serves without certificates.
    methods: the streams that are served. gate: the one of the gRPC server beside this one, so that both count together.
    limit: bytes of a message. most: connections at once; further ones are closed. handshake_s: seconds in which a
    connection must show its certificate and name its method.
    Raises ConfigurationError when the socket cannot be made.
    """

    def __init__(
        self,
        path: Path,
        identity: Identity | None,
        methods: StreamMethods,
        gate: Gate,
        limit: int,
        most: int,
        handshake_s: float,
    ) -> None:
        self._path, self._methods, self._gate = path, methods, gate
        self._tls, self._limit, self._most, self._handshake_s = server_context(identity), limit, most, handshake_s
        self._lock = threading.Lock()
        self._open: set[_Connection] = set()
        self._stopped = False
        self._listener = _listener(path)
        self._accepting = threading.Thread(target=self._accept, name="local socket", daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        """Take no more connections, and end those that are open."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            connections = list(self._open)
        _end(self._listener)
        self._listener.close()
        self._path.unlink(missing_ok=True)
        for connection in connections:
            _end(connection.socket)
        self._accepting.join()

    def _accept(self) -> None:
        """Start a thread for each connection, until the listener is closed."""
        while not self._stopped:
            try:
                connection = _Connection(self._listener.accept()[0])
            except OSError as error:
                if not self._stopped:
                    _log.warning("%s: a connection was not taken: %s", self._path, error)
                    time.sleep(PAUSE_S)  # when too many files are open, some may be closed soon
                continue
            with self._lock:
                taken = not self._stopped and len(self._open) < self._most
                if taken:
                    self._open.add(connection)
            if taken:
                threading.Thread(target=self._serve, args=(connection,), name="stream", daemon=True).start()
            else:
                connection.socket.close()

    def _serve(self, connection: _Connection) -> None:
        """Serve one connection to its end."""
        try:
            connection.socket.settimeout(self._handshake_s)
            require_own_user(connection.socket)
            if self._tls is not None:
                connection.socket = self._tls.wrap_socket(connection.socket, server_side=True)
            frames = FrameSocket(connection.socket, self._limit)
            try:
                self._answer(frames)
            except (LocalError, FrameTooLargeError, BadFrameError) as error:
                frames.send(Kind.ERROR, _as_local(error).written())
        except OSError as error:  # the caller hung up, is a stranger, or was too slow
            _log.debug("%s: a connection ended: %s", self._path, error)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.socket.close()

    def _answer(self, frames: FrameSocket) -> None:
        """Answer what a connection asks for: a ping, or a stream of requests to one method."""
        first = frames.receive()
        if first is None:
            return
        if first[0] is Kind.PING:
            frames.send(Kind.PONG, b"")
            return
        name = first[1].decode(errors="replace")
        known = self._methods.handlers.get(name) if first[0] is Kind.METHOD else None
        if known is None:
            raise LocalError(grpc.StatusCode.UNIMPLEMENTED, f"Method not found: {name[:100]!r}")
        handler = self._gate.intercept_service(lambda _: known, SimpleNamespace(method=name))
        assert handler is not None
        frames.connection.settimeout(None)
        context = LocalContext(frames.connection, shown_name(frames.connection))
        with closing(handler.stream_stream(_requests(frames), context)) as replies:
            try:
                for reply in replies:
                    frames.send(Kind.MESSAGE, handler.response_serializer(reply))
            except (OSError, LocalError, FrameTooLargeError, BadFrameError):
                raise
            except Exception as error:
                _log.exception("%s failed", name)
                raise LocalError(grpc.StatusCode.UNKNOWN, f"Exception iterating responses: {error}") from None
        frames.send(Kind.END, b"")


@dataclass(eq=False)
class _Connection:
    socket: socket.socket  # the TLS socket takes the plain one's place


def _requests(frames: FrameSocket) -> Iterator[bytes]:
    """Yield the requests of a stream until its caller hangs up."""
    while (frame := frames.receive()) is not None:
        if frame[0] is not Kind.MESSAGE:
            raise BadFrameError(f"A frame of kind {frame[0].name} came where a message was expected.")
        yield frame[1]


def _as_local(error: LocalError | FrameTooLargeError | BadFrameError) -> LocalError:
    if isinstance(error, LocalError):
        return error
    if isinstance(error, FrameTooLargeError):
        return too_large(str(error))
    return LocalError(grpc.StatusCode.INTERNAL, f"Exception deserializing request! {error}")


def _listener(path: Path) -> socket.socket:
    """Return a socket that listens at a path, in place of one that a process left behind when it was killed."""
    require_private(path.parent)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_left_behind(path)
        listener.bind(str(path))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"sockets={path.parent}: {path.name} cannot be listened on: {error.strerror}. Does another process of this "
            "party run? Stop it, or name another folder."
        ) from None
    return listener


def _remove_left_behind(path: Path) -> None:
    """Delete a socket on which no process listens. Raises OSError when one does."""
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        else:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _end(connection: socket.socket) -> None:
    """Wake every thread that waits on a socket; for a TLS socket too."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
