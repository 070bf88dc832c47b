"""How a stream on a local socket ends with an error: the same code, details and metadata that gRPC would carry."""

from __future__ import annotations

import json
from collections.abc import Sequence

import grpc

Metadata = Sequence[tuple[str, str]]


class LocalError(grpc.RpcError):  # type: ignore[misc]
    """An error of a stream on a local socket, read like any grpc.RpcError (runtime.transport.faults.reported_error).

    A server raises it to end a stream; a caller raises what the server sent, or why the server cannot be reached.
    """

    def __init__(self, code: grpc.StatusCode, details: str, metadata: Metadata = ()) -> None:
        super().__init__(details)
        self._code, self._details, self._metadata = code, details, tuple(metadata)

    def code(self) -> grpc.StatusCode:
        """Return gRPC's code of the error."""
        return self._code

    def details(self) -> str:
        """Return the text of the error."""
        return self._details

    def trailing_metadata(self) -> Metadata:
        """Return names and values that came with the error."""
        return self._metadata

    def written(self) -> bytes:
        """Return the body of an ERROR frame."""
        return json.dumps([self._code.name, self._details, self._metadata]).encode()

    @classmethod
    def read(cls, body: bytes) -> LocalError:
        """Return the error that an ERROR frame holds; an unreadable one is an error of code INTERNAL."""
        try:
            code, details, metadata = json.loads(body)
            pairs = [(str(name), str(value)) for name, value in metadata]
            return cls(grpc.StatusCode[code], str(details), pairs)
        except (ValueError, TypeError, KeyError):
            return cls(grpc.StatusCode.INTERNAL, "Exception deserializing response! (an ERROR frame)")


def unavailable(details: str) -> LocalError:
    """Return the error of a connection that failed; the caller tries again (runtime.transport.calls)."""
    return LocalError(grpc.StatusCode.UNAVAILABLE, details)


def too_large(details: str) -> LocalError:
    """Return the error of a message that exceeds the limit."""
    return LocalError(grpc.StatusCode.RESOURCE_EXHAUSTED, details)
