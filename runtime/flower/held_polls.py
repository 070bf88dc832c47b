"""Polls of Flower's programs, held by the server until there may be news.

SuperNodes, ServerApps and SuperExecs ask again and again whether there is something for them. Each of these requests
costs a SuperLink ten milliseconds of processor time, and a message waits for the next one. Here a poll waits in the
server, which costs nothing, until a request that may answer it has come, at most LONGEST_S.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import uvicorn

LONGEST_S = 1.0
"""Seconds that a poll is held at most before news begin to come, and again until they have all come.

Flower's clients wait several times as long for an answer."""
SETTLE_S = 0.1
"""Seconds without a further request that brings news, before a poll is answered.

A message comes before its parts. A client that is told of a message without its parts waits a second for them."""
LOOK_S = 0.01
CALLERS = 1000
"""The connections that are remembered at most."""

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]


@dataclass
class News:
    """What one kind of poll asks for.

    number: counts the news. come: set with the next ones. coming: requests under way that bring some. last: the time of
    the last ones. seen: a caller's connection -> number at its last poll.
    """

    number: int = 0
    come: asyncio.Event = field(default_factory=asyncio.Event)
    coming: int = 0
    last: float = 0.0
    seen: OrderedDict[object, int] = field(default_factory=OrderedDict)

    def tell(self) -> None:
        """Count one more, and end the polls that wait."""
        self.number += 1
        self.last = time.monotonic()
        self.come.set()
        self.come = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Whether all news that began to come are there."""
        return not self.coming and time.monotonic() - self.last >= SETTLE_S


class HeldPolls:
    """An ASGI application in front of another one, which `around` takes.

    polls: the path of each poll, with the paths of the requests that bring news for it. Other requests are passed on.
    """

    def __init__(self, polls: Mapping[str, frozenset[str]], longest: float = LONGEST_S) -> None:
        self._longest = longest
        self._polls = {path: News() for path in polls}
        self._brings = {path: [self._polls[poll] for poll, by in polls.items() if path in by] for path in _all(polls)}
        self._loop: asyncio.AbstractEventLoop | None = None

    def around(self, app: Application) -> HeldPolls:
        """Stand in front of an application; return this object."""
        self._app = app
        return self

    def stand_in(self) -> SimpleNamespace:
        """Return a replacement of the module uvicorn: `run`, `Config` and `Server`, with polls held."""
        return SimpleNamespace(
            run=lambda app, **options: uvicorn.run(self.around(app), **options),
            Config=lambda app, **options: uvicorn.Config(self.around(app), **options),
            Server=uvicorn.Server,
        )

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass a request on; a poll waits first."""
        self._loop = asyncio.get_running_loop()
        path = scope.get("path", "")
        if (news := self._polls.get(path)) is not None:
            await self._hold(news, scope.get("client"))
        brings = self._brings.get(path, ())
        for news in brings:
            news.coming += 1
        try:
            await self._app(scope, receive, send)
        finally:
            for news in brings:
                news.coming -= 1
                news.tell()

    def tell(self) -> None:
        """End all polls that wait; may be called by any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        for news in self._polls.values():
            news.tell()
            news.last = 0.0  # they are all there

    async def _hold(self, news: News, caller: object) -> None:
        """Wait until there is news that this caller has not seen, and all of it has come."""
        if news.seen.get(caller) == news.number:
            with suppress(TimeoutError):
                await asyncio.wait_for(news.come.wait(), self._longest)
        end = time.monotonic() + self._longest
        while not news.settled and time.monotonic() < end:
            await asyncio.sleep(LOOK_S)
        news.seen[caller] = news.number
        news.seen.move_to_end(caller)
        if len(news.seen) > CALLERS:
            news.seen.popitem(last=False)


def _all(polls: Mapping[str, frozenset[str]]) -> set[str]:
    return {path for by in polls.values() for path in by}


FLEET, RUNTIME = "/v1/fleet/", "/v1/runtime/"
OF_SUPERLINK = {
    f"{FLEET}pull-messages": frozenset({f"{RUNTIME}push-messages", f"{RUNTIME}push-object"}),
    f"{RUNTIME}pull-messages": frozenset({f"{FLEET}push-messages", f"{FLEET}push-object"}),
}
"""A SuperLink's polls: of SuperNodes, and of ServerApps."""
OF_SUPERNODE: Mapping[str, frozenset[str]] = {f"{RUNTIME}acquire-task": frozenset()}
"""A SuperNode's polls: of its SuperExec. Their news is a message that the SuperNode has pulled, not a request."""
