"""Errors over gRPC: the caller raises the service's error again, by class and arguments.

AttemptError                    ABORTED
RefusedError                    INVALID_ARGUMENT, or PERMISSION_DENIED for a wrong name
every other FedqmixError        FAILED_PRECONDITION
any other error                 INTERNAL, a FederationError with the text for the caller
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

import grpc

from fedqmix.runtime.core.errors import AttemptError, FedqmixError, RefusedError
from fedqmix.runtime.core.failures import Failure, error_of, failure_of

METADATA = "fedqmix-error"
"""The trailing metadata that holds {"class": ..., "arguments": [...]} as JSON."""
LONGEST = 6000
"""The maximum bytes of that JSON: gRPC allows 8 KiB of metadata."""

Service = TypeVar("Service")
Request = TypeVar("Request")
Reply = TypeVar("Reply")
Peer = Callable[[grpc.ServicerContext], "str | None"]
"""Returns the name in the caller's certificate; None on an insecure channel, where callers have no names."""

log = logging.getLogger(__name__)


class WrongCallerError(RefusedError):
    """A RefusedError about the caller, not about its message."""


def require_caller(peer: Peer, context: grpc.ServicerContext, party: str) -> None:
    """Raise RefusedError unless the caller's certificate names `party`, or there are no certificates."""
    name = peer(context)
    if name is not None and name != party:
        raise wrong_caller(party, name)


def wrong_caller(party: str, shown: str) -> WrongCallerError:
    """Return the error for a message that only `party` may send. shown: the name in the caller's certificate."""
    return WrongCallerError(f"This is for {party} to say; the certificate shown is {shown or 'an unnamed party'}'s.")


def answered(
    method: Callable[[Service, Request, grpc.ServicerContext], Reply],
) -> Callable[[Service, Request, grpc.ServicerContext], Reply]:
    """Wrap a servicer's method so that its errors reach the caller."""

    @functools.wraps(method)
    def answer(self: Service, request: Request, context: grpc.ServicerContext) -> Reply:
        try:
            return method(self, request, context)
        except Exception as error:
            refuse(context, error)

    return answer


def conversed(
    method: Callable[[Service, Request, grpc.ServicerContext], Reply],
) -> Callable[[Service, Iterator[Request], grpc.ServicerContext], Iterator[Reply]]:
    """Wrap a method that answers one request into one that answers a stream.

    An error ends the stream, as in `answered`.
    """
    answer = answered(method)

    @functools.wraps(method)
    def converse(self: Service, requests: Iterator[Request], context: grpc.ServicerContext) -> Iterator[Reply]:
        for request in requests:
            yield answer(self, request, context)

    return converse


def refuse(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """End a call with an error, in the form that `reported_error` reads. Must be called in the thread of the call."""
    code = _code(error)
    if code is grpc.StatusCode.INTERNAL:
        log.error("%s failed", type(error).__name__, exc_info=error)
    failure = failure_of(error)
    context.set_trailing_metadata(((METADATA, _written(failure)),))
    context.abort(code, failure.error)
    raise AssertionError("abort raises")


def _written(failure: Failure) -> str:
    """Serialize an error, with its arguments cut to the limit."""
    length = LONGEST
    while True:
        short = [argument[:length] for argument in json.loads(failure.arguments)]
        written = json.dumps({"class": failure.error, "arguments": short})
        if len(written) <= LONGEST:
            return written
        length //= 2


def _code(error: Exception) -> grpc.StatusCode:
    for kind, code in (
        (AttemptError, grpc.StatusCode.ABORTED),
        (WrongCallerError, grpc.StatusCode.PERMISSION_DENIED),
        (RefusedError, grpc.StatusCode.INVALID_ARGUMENT),
        (FedqmixError, grpc.StatusCode.FAILED_PRECONDITION),
    ):
        if isinstance(error, kind):
            return code
    return grpc.StatusCode.INTERNAL


def reported_error(error: grpc.RpcError) -> FedqmixError | None:
    """Return the error that a service reported; None when there is none: the connection failed."""
    metadata = dict(error.trailing_metadata() or ())
    try:
        words = json.loads(metadata[METADATA])
        name, arguments = str(words["class"]), words["arguments"]
    except (KeyError, ValueError, TypeError):
        return None
    return error_of(Failure("", name, ", ".join(map(str, arguments)), json.dumps(arguments)))
