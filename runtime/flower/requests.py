"""Requests to a server of Flower's, as ASGI passes them to an application in front of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from types import SimpleNamespace
from typing import Any

import uvicorn

HEALTH, CONTROL, FLEET, RUNTIME = "/health", "/v1/control/", "/v1/fleet/", "/v1/runtime/"
"""The paths of Flower's APIs."""
MOST = 4 * 2**20
"""Bytes of a body that is read before it is passed on (a submission, a list of replies, a poll), at most."""

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def stand_in(changed: Callable[[dict[str, Any]], dict[str, Any]]) -> SimpleNamespace:
    """Return a replacement of the module uvicorn: `run`, `Config` and `Server`.

    changed: returns the options of a server, from those that Flower gives; "app" is one of them.
    """
    return SimpleNamespace(
        run=lambda app, **options: uvicorn.run(**changed({**options, "app": app})),
        Config=lambda app, **options: uvicorn.Config(**changed({**options, "app": app})),
        Server=uvicorn.Server,
    )


async def whole_body(receive: Receive) -> bytes | None:
    """Return a request's whole body; None when it is too long or cut off."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event.get("body", b"")
        if len(body) > MOST:
            return None
        if not event.get("more_body", False):
            return bytes(body)


def again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns a body that was already read."""
    waiting: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Event:
        return waiting.pop() if waiting else await receive()

    return receive_again
