"""Polls of Flower's programs, held by the server until there may be news.

SuperNodes, ServerApps and SuperExecs ask again and again whether there is something for them. Each of these requests
costs a SuperLink ten milliseconds of processor time, and a message waits for the next one. Here a poll waits in the
server, which costs nothing, until a request that may answer it has come, at most twice LONGEST_S.

A poll whose caller has hung up is dropped: otherwise its message would be lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace

from fedqmix.runtime.flower.requests import (
    CONTROL,
    FLEET,
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

LONGEST_S = 1.0
"""Seconds that a poll is held at most until news begin to come, and again until all parts of them have come.

Flower's clients wait several times as long for an answer."""
SETTLE_S = 0.1
"""Seconds without a further request that brings news, before a poll is answered.

A message comes before its parts. A client that learns of a message without its parts waits a second for them."""
LOOK_S = 0.02
QUESTIONS = 1000
"""The questions that are remembered at most."""

SUPERLINK_POLLS: Mapping[str, frozenset[str]] = {
    f"{FLEET}pull-messages": frozenset({f"{RUNTIME}push-messages", f"{RUNTIME}push-object"}),
    f"{RUNTIME}pull-messages": frozenset({f"{FLEET}push-messages", f"{FLEET}push-object"}),
    f"{RUNTIME}acquire-task": frozenset({f"{CONTROL}start-run"}),
}
"""A SuperLink's polls: of SuperNodes, ServerApps and its SuperExec; and the requests that bring news for each."""
SUPERNODE_POLLS: Mapping[str, frozenset[str]] = {f"{RUNTIME}acquire-task": frozenset()}
"""A SuperNode's polls: of its SuperExec. Their news is a message that the SuperNode has pulled, not a request."""


@dataclass
class Poll:
    """The state of one kind of poll.

    number: counts the news. arrived: set with the next ones. under_way: requests in work that bring some. last_at: the
    time of the last ones. seen: a caller's question -> number when it was last answered.
    """

    number: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    last_at: float = 0.0
    seen: OrderedDict[object, int] = field(default_factory=OrderedDict)

    def announce(self) -> None:
        """Count one more, and end the polls that wait."""
        self.number += 1
        self.last_at = time.monotonic()
        self.arrived.set()
        self.arrived = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Whether all news that began to come have arrived."""
        return not self.under_way and time.monotonic() - self.last_at >= SETTLE_S

    def answered(self, question: object) -> None:
        """Note that a question is answered with all news so far."""
        self.seen[question] = self.number
        self.seen.move_to_end(question)
        if len(self.seen) > QUESTIONS:
            self.seen.popitem(last=False)


class HeldPolls:
    """An ASGI application in front of another one, which `around` takes.

    polls: the path of each poll, with the paths of the requests that bring news for it. Other requests are passed on.
    """

    def __init__(self, polls: Mapping[str, frozenset[str]], longest: float = LONGEST_S) -> None:
        self._longest = longest
        self._polls = {path: Poll() for path in polls}
        bringing = {path for by in polls.values() for path in by}
        self._brings = {path: [self._polls[poll] for poll, by in polls.items() if path in by] for path in bringing}
        self._loop: asyncio.AbstractEventLoop | None = None

    def around(self, app: Application) -> HeldPolls:
        """Stand in front of an application; return this object."""
        self._app = app
        return self

    def stand_in(self) -> SimpleNamespace:
        """Return a replacement of the module uvicorn: `run`, `Config` and `Server`, with polls held."""
        return stand_in(lambda options: {**options, "app": self.around(options["app"])})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; a poll waits first."""
        self._loop = asyncio.get_running_loop()
        path = scope.get("path", "")
        if (poll := self._polls.get(path)) is not None:
            await self._answer(poll, scope, receive, send)
        elif path in self._brings:
            await self._bring(self._brings[path], scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def announce(self) -> None:
        """End all polls that wait, as there is something complete; may be called by any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the server has ended
                self._loop.call_soon_threadsafe(self._announce)

    def _announce(self) -> None:
        for poll in self._polls.values():
            poll.announce()
            poll.last_at = 0.0

    async def _answer(self, poll: Poll, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold a poll, and pass it on unless its caller has hung up."""
        body = await whole_body(receive)
        if body is None:
            return
        question = (scope.get("client"), hashlib.sha256(body).digest())
        held = asyncio.ensure_future(self._hold(poll, question))
        gone = asyncio.ensure_future(receive())  # after the body, only the end of the connection is received
        try:
            await asyncio.wait({held, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                return
        finally:
            held.cancel()
            gone.cancel()
        poll.answered(question)
        await self._app(scope, again(body, receive), send)

    async def _hold(self, poll: Poll, question: object) -> None:
        """Wait until there is news since the last answer to this question, and all of it has come."""
        if poll.seen.get(question) == poll.number:
            with suppress(TimeoutError):
                await asyncio.wait_for(poll.arrived.wait(), self._longest)
        end = time.monotonic() + self._longest
        while not poll.settled and time.monotonic() < end:
            await asyncio.sleep(LOOK_S)

    async def _bring(self, polls: Sequence[Poll], scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that brings news; one that never arrives, or is refused, brings none."""
        arrived = accepted = False

        async def counted() -> Event:
            nonlocal arrived
            event = await receive()
            if not arrived and event["type"] == "http.request" and not event.get("more_body", False):
                arrived = True
                for poll in polls:
                    poll.under_way += 1
            return event

        async def noted(event: Event) -> None:
            nonlocal accepted
            if event["type"] == "http.response.start":
                accepted = event["status"] < 300
            await send(event)

        try:
            await self._app(scope, counted, noted)
        finally:
            for poll in polls:
                poll.under_way -= arrived
                if accepted:
                    poll.announce()
