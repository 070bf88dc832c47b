"""Frames on a local socket: a kind, a length and the bytes of one message.

A frame is five bytes, the kind (unsigned, one byte) and the length (unsigned, four bytes, big-endian), then the body.
"""

from __future__ import annotations

import socket
import struct
from enum import IntEnum

_HEAD = struct.Struct("!BI")
_CHUNK = 64 * 2**10
"""Bytes that are asked of the system at once; larger frames are put together from several pieces."""


class Kind(IntEnum):
    """The purpose of a frame."""

    METHOD = 1  # opens a stream: the method's full name
    MESSAGE = 2  # a serialized request or reply
    ERROR = 3  # ends a stream: what went wrong (runtime.transport.local_error)
    END = 4  # ends a stream without an error
    PING = 5  # asks whether the server still works
    PONG = 6


class FrameTooLargeError(Exception):
    """A frame's body is larger than its reader or its sender allows."""


class BadFrameError(Exception):
    """The bytes are not a frame, or the connection ended within one."""


class FrameSocket:
    """Sends and receives frames on a connected socket.

    limit: largest body in bytes. Every method raises OSError when the connection fails or the socket's timeout is over;
    after a timeout of `receive` that method can be called again, and nothing is lost.
    """

    def __init__(self, connection: socket.socket, limit: int) -> None:
        self.connection, self._limit = connection, limit
        self._read = b""  # bytes that belong to the next frame

    def send(self, kind: Kind, body: bytes) -> None:
        """Send one frame. Raises FrameTooLargeError, and sends nothing then."""
        if len(body) > self._limit:
            raise FrameTooLargeError(_too_large("Sent", len(body), self._limit))
        self.connection.sendall(_HEAD.pack(kind, len(body)) + body)

    def receive(self) -> tuple[Kind, bytes] | None:
        """Return the next frame; None when the other end hung up between two frames.

        Raises FrameTooLargeError before a body is read into memory, and BadFrameError.
        """
        if not self._fill(_HEAD.size):
            return None
        number, length = _HEAD.unpack_from(self._read)
        try:
            kind = Kind(number)
        except ValueError:
            raise BadFrameError(f"A frame of kind {number} does not exist.") from None
        if length > self._limit:
            raise FrameTooLargeError(_too_large("Received", length, self._limit))
        end = _HEAD.size + length
        self._fill(end)
        body, self._read = self._read[_HEAD.size : end], self._read[end:]
        return kind, body

    def _fill(self, size: int) -> bool:
        """Read until `size` bytes are there; return False when the connection ended before the first of them."""
        pieces, there = [self._read], len(self._read)
        try:
            while there < size:
                piece = self.connection.recv(_CHUNK)
                if not piece and not there:
                    return False
                if not piece:
                    raise BadFrameError("The connection ended in the middle of a frame.")
                pieces.append(piece)
                there += len(piece)
        finally:
            self._read = b"".join(pieces) if len(pieces) > 1 else self._read
        return True


def _too_large(what: str, length: int, limit: int) -> str:
    return f"{what} message larger than max ({length} vs. {limit})"
