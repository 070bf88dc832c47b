"""What a method learns about its caller, and can do to the call, on a local socket."""

from __future__ import annotations

import select
import socket
from collections.abc import Mapping, Sequence
from typing import NoReturn

import grpc

from fedqmix.runtime.transport.local_error import LocalError, Metadata


class LocalContext:
    """The part of grpc.ServicerContext that our methods use, for one stream on a local socket.

    party: the name in the caller's certificate; None without certificates.
    """

    def __init__(self, connection: socket.socket, party: str | None) -> None:
        self._connection = connection
        self._metadata: Metadata = ()
        self._cancelled = False
        self._shown: Mapping[str, Sequence[bytes]] = (
            {"transport_security_type": [b"insecure"]}
            if party is None
            else {"transport_security_type": [b"ssl"], "x509_common_name": [party.encode()]}
        )

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        """Return how the caller is known, as gRPC does (runtime.transport.security.peer)."""
        return self._shown

    def is_active(self) -> bool:
        """Return whether the caller still listens."""
        if self._cancelled:
            return False
        ended = select.poll()
        ended.register(self._connection, select.POLLRDHUP)
        return not ended.poll(0)

    def cancel(self) -> None:
        """End the stream from another thread: both ends find the connection closed."""
        self._cancelled = True
        try:
            # not SSLSocket.shutdown, which takes TLS away from the thread that still reads
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """Set what `abort` sends with the error."""
        self._metadata = metadata

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """End the stream with an error; must be called by the thread of the stream."""
        raise LocalError(code, details, self._metadata)
