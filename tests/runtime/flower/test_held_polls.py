"""Polls that the server holds until there may be news."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from threading import Thread
from typing import Any

from fedqmix.runtime.flower.held_polls import QUESTIONS, SETTLE_S, HeldPolls

PULL, PUSH, OTHER = "/pull", "/push", "/other"
LONG = 60.0


class Served:
    """An application that notes the requests that reach it, behind held polls."""

    def __init__(self, longest: float = LONG) -> None:
        self.reached: list[tuple[str, object]] = []
        self.status = 200
        self.held = HeldPolls({PULL: frozenset({PUSH})}, longest).around(self._app)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body", False):
            pass
        self.reached.append((scope["path"], scope["client"]))
        await send({"type": "http.response.start", "status": self.status})

    async def ask(
        self, path: str, caller: object = "one", body: bytes = b"", hung_up: asyncio.Event | None = None
    ) -> None:
        """Send a request whose connection lasts until `hung_up`."""
        events = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if events:
                return events.pop()
            await (hung_up or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(_: Any) -> None:
            pass

        await self.held({"type": "http", "path": path, "client": caller}, receive, send)

    async def begin(self, path: str) -> None:
        """Send a request whose body never comes."""

        async def receive() -> Any:
            return await asyncio.Event().wait()

        async def send(_: Any) -> None:
            pass

        await self.held({"type": "http", "path": path, "client": "slow"}, receive, send)


def run(calls: Callable[[Served], Awaitable[None]], longest: float = LONG) -> list[str]:
    """Run calls on a served application; return the paths that reached it, in order."""
    served = Served(longest)
    asyncio.run(asyncio.wait_for(calls(served), 30))
    return [path for path, _ in served.reached]


def test_the_first_poll_and_other_requests_pass_at_once() -> None:
    async def calls(served: Served) -> None:
        await served.ask(PULL)
        await served.ask(OTHER)
        await served.ask(OTHER)

    assert run(calls) == [PULL, OTHER, OTHER]


def test_a_poll_waits_until_there_is_news() -> None:
    async def calls(served: Served) -> None:
        await served.ask(PULL)
        second = asyncio.ensure_future(served.ask(PULL))
        await asyncio.sleep(0.05)
        await served.ask(OTHER)
        assert not second.done()
        await served.ask(PUSH, "another")
        await second

    assert run(calls) == [PULL, OTHER, PUSH, PULL]


def test_news_between_two_polls_counts_for_every_caller_and_every_question() -> None:
    async def calls(served: Served) -> None:
        questions = [("one", b"first"), ("one", b"second"), ("two", b"first")]
        for caller, body in questions:
            await served.ask(PULL, caller, body)
        await served.ask(PUSH)
        for caller, body in questions:
            await served.ask(PULL, caller, body)

    assert run(calls) == [PULL] * 3 + [PUSH] + [PULL] * 3


def test_a_poll_is_answered_after_the_longest_wait() -> None:
    async def calls(served: Served) -> None:
        await served.ask(PULL)
        await served.ask(PULL)

    assert run(calls, longest=0.05) == [PULL, PULL]


def test_a_poll_waits_for_all_parts_of_what_comes() -> None:
    async def calls(served: Served) -> None:
        await served.ask(PULL)
        second = asyncio.ensure_future(served.ask(PULL))
        for part in range(4):
            await served.ask(PUSH, f"part {part}")
            await asyncio.sleep(SETTLE_S / 2)
        await second

    assert run(calls) == [PULL, *[PUSH] * 4, PULL]


def test_a_poll_whose_caller_has_hung_up_takes_nothing() -> None:
    """Flower would hand the message to nobody, and the caller's successor would find none."""

    async def calls(served: Served) -> None:
        hung_up = asyncio.Event()
        await served.ask(PULL)
        second = asyncio.ensure_future(served.ask(PULL, hung_up=hung_up))
        await asyncio.sleep(0.05)
        hung_up.set()
        await second
        await served.ask(PUSH)
        await served.ask(PULL, "its successor")

    assert run(calls) == [PULL, PUSH, PULL]


def test_a_push_that_never_arrives_holds_up_nobody() -> None:
    async def calls(served: Served) -> None:
        slow = asyncio.ensure_future(served.begin(PUSH))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await served.ask(PULL, "new")
        assert time.monotonic() - began < LONG / 10
        slow.cancel()

    assert run(calls) == [PULL]


def test_a_push_that_is_refused_is_no_news() -> None:
    async def calls(served: Served) -> None:
        await served.ask(PULL)
        second = asyncio.ensure_future(served.ask(PULL))
        await asyncio.sleep(0.05)
        served.status = 400
        await served.ask(PUSH)
        await asyncio.sleep(2 * SETTLE_S)
        assert not second.done()
        served.status = 200
        await served.ask(PUSH)
        await second

    assert run(calls) == [PULL, PUSH, PUSH, PULL]


def test_a_thread_announces_news() -> None:
    async def calls(served: Served) -> None:
        await served.ask(PULL)
        second = asyncio.ensure_future(served.ask(PULL))
        await asyncio.sleep(0.05)
        thread = Thread(target=served.held.announce)
        thread.start()
        await second
        thread.join()

    assert run(calls) == [PULL, PULL]
    served = Served()
    served.held.announce()  # before the server runs, nobody waits
    asyncio.run(served.ask(OTHER))
    served.held.announce()  # after it has ended too


def test_only_so_many_questions_are_remembered() -> None:
    async def calls(served: Served) -> None:
        for caller in range(QUESTIONS + 5):
            await served.ask(PULL, caller)
        await served.ask(PULL, 0)  # forgotten, and so not held

    assert len(run(calls)) == QUESTIONS + 6
