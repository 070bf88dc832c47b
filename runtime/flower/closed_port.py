"""Access control for Flower's ports (flwr 1.41: a FastAPI application in uvicorn).

Flower serves every API on one port. That port accepts calls from any caller, and identifies callers by tokens and
signatures in the calls, if at all. Here TLS requires a client certificate of the federation's authority, so no byte
of an unknown caller reaches HTTP. The name in the certificate (`submit`, `supernode-1`) then selects the allowed
paths.

1. `closed_stand_in` replaces the name `uvicorn` in the module that starts the server, so that every server is closed.
2. `KnownCallers`, a subclass of uvicorn's HTTP protocol, adds the certificate's name to each request's scope.
3. `Guard`, in front of Flower's application, answers calls that `Access` does not allow with an error. The tables are
   in runtime/flower/access.py.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from fedqmix.runtime.flower import internals
from fedqmix.runtime.flower.requests import (
    FLEET,
    MOST,
    RUNTIME,
    Application,
    Event,
    Receive,
    Scope,
    Send,
    again,
    stand_in,
    whole_body,
)
from fedqmix.runtime.transport.identity import AUTHORITY, CERTIFICATE, KEY, Identity

CALLER = "fedqmix.caller"
"""The key of the certificate's name in a request's scope."""
LARGEST = 256 * 2**20
"""Bytes of any other body at most. A message of ours is one object (runtime.transport.records), within gRPC's limit."""
LONGEST_HEAD = 64 * 2**10
"""Bytes of an incomplete head at most; an endless head would fill the memory."""
REFUSED = 0
"""The error code of our refusals; Flower's own codes begin with 1."""

Wrap = Callable[[Any], Application]
"""A function that returns what allowed calls reach, from Flower's application."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """A request: its certificate's name, its path, its headers (names in lower case)."""

    caller: str
    path: str
    headers: Sequence[tuple[bytes, bytes]]


Rule = Callable[[Call], str | None]
"""A function that returns the reason why a call is refused, None when it is allowed."""
BodyRule = Callable[[Call, bytes], str | None]
"""A rule that also checks the body."""


@dataclass(frozen=True)
class Access:
    """The access rules of a port. Calls without a rule are refused.

    paths: the rule of a path; a path that ends in "/" stands for all paths directly below it.
    bodies: the additional rules of paths whose body is checked.
    """

    paths: Mapping[str, Rule]
    bodies: Mapping[str, BodyRule] = field(default_factory=dict)

    def refusal(self, call: Call) -> str | None:
        """Return why a call is refused before its body is read; None when it is not refused."""
        below = call.path[: call.path.rfind("/") + 1]
        rule = self.paths.get(call.path) or self.paths.get(below)
        return f"{call.path} is not answered here." if rule is None else rule(call)


def every_party(_: Call) -> None:
    """Allow every party of the federation."""


def only(party: str) -> Rule:
    """Allow one party."""

    def rule(call: Call) -> str | None:
        if call.caller == party:
            return None
        return f"{call.path} is for the certificate of {party}; this one is of {call.caller or 'no party'}."

    return rule


def close(program: Any, identity: Identity, access: Access, wrap: Wrap = lambda app: app) -> None:
    """Put the access rules in front of the server that a module of Flower's starts.

    program: the module whose `uvicorn` starts the server. identity: the certificate of the port.
    Raises ConfigurationError when this version of Flower starts the server differently.
    """
    internals.replace(program, uvicorn=closed_stand_in(identity, access, wrap))


def closed_stand_in(identity: Identity, access: Access, wrap: Wrap = lambda app: app) -> SimpleNamespace:
    """Return a replacement of the module uvicorn whose servers are always closed."""

    def closed(options: dict[str, Any]) -> dict[str, Any]:
        return {
            **options,
            "app": Guard(wrap(options["app"]), access),
            "http": KnownCallers,
            "ws": "none",
            "ssl_certfile": str(identity.folder / CERTIFICATE),
            "ssl_keyfile": str(identity.folder / KEY),
            "ssl_ca_certs": str(identity.folder / AUTHORITY),
            "ssl_cert_reqs": ssl.CERT_REQUIRED,
        }

    return stand_in(closed)


class KnownCallers(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's HTTP protocol, which adds the caller to each request. One object per connection."""

    app: Application
    _counts = hasattr(AutoHTTPProtocol, "on_body")  # httptools has no limit; h11 has its own
    _pending = 0  # bytes since the last complete head, piece of a body or request

    def data_received(self, data: bytes) -> None:
        """Receive bytes; abort the connection when a head, or data after a body, is too long."""
        self._pending += len(data)
        super().data_received(data)
        if self._counts and self._pending > LONGEST_HEAD and not self.transport.is_closing():
            _log.warning("cut off a request whose head is longer than %d bytes", LONGEST_HEAD)
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """Reset the count of bytes, as each piece of a body and the end of a request do."""
        self._pending = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """See on_headers_complete."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See on_headers_complete."""
        self._pending = 0
        super().on_message_complete()

    def connection_made(self, transport: Any) -> None:
        """Add the certificate's name, which TLS has verified, to the scope of each request."""
        super().connection_made(transport)
        inner, caller = self.app, _name(transport.get_extra_info("peercert"))

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await inner({**scope, CALLER: caller}, receive, send)

        self.app = app


def _name(certificate: Mapping[str, Any] | None) -> str:
    """Return the common name; "" when there is none or more than one."""
    fields = [pair for part in (certificate or {}).get("subject", ()) for pair in part]
    names = [value for name, value in fields if name == "commonName"]
    return str(names[0]) if len(names) == 1 else ""


class Guard:
    """An ASGI application in front of another one, which passes on only allowed calls."""

    def __init__(self, app: Application, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with an error and log the refusal."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        call = Call(scope.get(CALLER, ""), scope["path"], scope["headers"])
        refusal = "not an HTTP request." if scope["type"] != "http" else self._access.refusal(call)
        if not call.caller:
            refusal = "the certificate names no party."
        elif refusal is None and (rule := self._access.bodies.get(call.path)) is not None:
            body = await whole_body(receive)
            refusal = f"its body is cut off, or longer than {MOST} bytes." if body is None else rule(call, body)
            receive = again(body or b"", receive)
        else:
            receive = _bounded(receive)
        if refusal is None:
            return await self._app(scope, receive, send)
        _log.warning("refused %s %r: %s", call.caller or "an unnamed caller", call.path, refusal)
        return await _refuse(send, call.path, refusal)


def _bounded(receive: Receive) -> Receive:
    """Return a `receive` that reports a disconnect after LARGEST bytes of a body."""
    read = 0

    async def receive_bounded() -> Event:
        nonlocal read
        event = await receive()
        read += len(event.get("body", b""))
        return event if read <= LARGEST else {"type": "http.disconnect"}

    return receive_bounded


async def _refuse(send: Send, path: str, refusal: str) -> None:
    # Flower's SuperNodes and apps read 403 as "the run has ended" and continue silently; they report 400.
    silent = path.startswith((FLEET, RUNTIME))
    status = HTTPStatus.BAD_REQUEST if silent else HTTPStatus.FORBIDDEN
    body = json.dumps({"code": REFUSED, "detail": refusal}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
