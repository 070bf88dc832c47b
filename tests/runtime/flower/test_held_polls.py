"""Polls that the server holds until there may be news."""

import asyncio
from collections.abc import Awaitable, Callable
from threading import Thread
from typing import Any

from fedqmix.runtime.flower.held_polls import CALLERS, SETTLE_S, HeldPolls

PULL, PUSH, OTHER = "/pull", "/push", "/other"
LONG = 60.0


class House:
    """An application that notes what reaches it, behind held polls."""

    def __init__(self, longest: float = LONG) -> None:
        self.reached: list[tuple[str, object]] = []
        self.held = HeldPolls({PULL: frozenset({PUSH})}, longest).around(self._app)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append((scope["path"], scope["client"]))

    def ask(self, path: str, caller: object = "one") -> Awaitable[None]:
        return self.held({"type": "http", "path": path, "client": caller}, None, None)


def play(scene: Callable[[House], Awaitable[None]], longest: float = LONG) -> House:
    house = House(longest)
    asyncio.run(asyncio.wait_for(scene(house), 30))
    return house


def test_the_first_poll_and_other_requests_pass_at_once() -> None:
    async def scene(house: House) -> None:
        await house.ask(PULL)
        await house.ask(OTHER)
        await house.ask(OTHER)

    assert play(scene).reached == [(PULL, "one"), (OTHER, "one"), (OTHER, "one")]


def test_a_poll_waits_until_news_has_been_answered() -> None:
    async def scene(house: House) -> None:
        await house.ask(PULL)
        second = asyncio.ensure_future(house.ask(PULL))
        await asyncio.sleep(0.05)
        await house.ask(OTHER)
        assert not second.done()
        await house.ask(PUSH, "another")
        await second

    assert [path for path, _ in play(scene).reached] == [PULL, OTHER, PUSH, PULL]


def test_news_between_two_polls_is_not_waited_for_and_counts_for_every_caller() -> None:
    async def scene(house: House) -> None:
        await house.ask(PULL, "one")
        await house.ask(PULL, "two")
        await house.ask(PUSH)
        await house.ask(PULL, "one")
        await house.ask(PULL, "two")

    assert len(play(scene).reached) == 5


def test_a_poll_is_answered_after_the_longest_wait() -> None:
    async def scene(house: House) -> None:
        await house.ask(PULL)
        await house.ask(PULL)

    assert len(play(scene, longest=0.05).reached) == 2


def test_a_thread_may_tell() -> None:
    async def scene(house: House) -> None:
        await house.ask(PULL)
        second = asyncio.ensure_future(house.ask(PULL))
        await asyncio.sleep(0.05)
        thread = Thread(target=house.held.tell)
        thread.start()
        await second
        thread.join()

    assert len(play(scene).reached) == 2
    House().held.tell()  # before the server runs, nobody waits


def test_only_so_many_connections_are_remembered() -> None:
    async def scene(house: House) -> None:
        for caller in range(CALLERS + 5):
            await house.ask(PULL, caller)
        await house.ask(PULL, 0)  # forgotten, and so not held

    assert len(play(scene).reached) == CALLERS + 6


def test_a_poll_waits_for_all_parts_of_what_comes() -> None:
    async def scene(house: House) -> None:
        await house.ask(PULL)
        second = asyncio.ensure_future(house.ask(PULL))
        for part in range(4):
            await house.ask(PUSH, f"part {part}")
            await asyncio.sleep(SETTLE_S / 2)
        await second

    house = play(scene)
    assert [path for path, _ in house.reached] == [PULL, *[PUSH] * 4, PULL]
