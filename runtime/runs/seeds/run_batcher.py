"""Where the runs of one program meet, each a thread: what they compute at the same time is computed once, for all.

1. A run that wants something computed waits (`Seat.compute`).
2. Once all runs wait, whoever came last computes for all that want the same work, the first kind of work first.
3. They go on; the others wait until, again, all do.

Nothing depends on which thread is faster: who computes together is settled only when nobody runs any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fedqmix.runtime.core.batched_runs import Reply, Request, Work


@dataclass
class _Call:
    work: Work
    request: Any
    function: Callable[[Sequence[Any]], Sequence[Any]]
    reply: Any = None
    error: BaseException | None = None
    done: bool = False


class RunBatcher:
    """As many seats as there are runs; all must be taken, or left, before anything is computed."""

    def __init__(self, runs: int) -> None:
        self._changed = threading.Condition()
        self._present = set(range(runs))
        self._calls: dict[int, _Call] = {}  # of those who wait, by seat
        self._interrupted = False

    def seat(self, number: int) -> RunHandle:
        """Return a run's seat. number: 0, 1, ...; requests are put together in this order."""
        return RunHandle(self, number)

    def compute(self, number: int, call: _Call) -> None:
        """Wait until a call has been computed.

        Raises KeyboardInterrupt once the meeting is interrupted.
        """
        with self._changed:
            self._calls[number] = call
            self._go_on()
            while not call.done and not self._interrupted:
                self._changed.wait()
            if not call.done:
                self._calls.pop(number, None)
                raise KeyboardInterrupt

    def leave(self, number: int) -> None:
        """Take part no more; the others go on without this run."""
        with self._changed:
            self._present.discard(number)
            self._go_on()

    def interrupt(self) -> None:
        """End every run at its next call, as upon Ctrl-C."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def _go_on(self) -> None:
        """Compute if everybody waits. All others are waiting meanwhile, so the lock keeps nobody from anything."""
        if self._interrupted or not self._calls or len(self._calls) < len(self._present):
            return
        work = min(call.work for call in self._calls.values())
        chosen = [number for number in sorted(self._calls) if self._calls[number].work is work]
        calls = [self._calls.pop(number) for number in chosen]
        try:
            replies = calls[0].function([call.request for call in calls])
            for call, reply in zip(calls, replies, strict=True):
                call.reply = reply
        except BaseException as error:
            for call in calls:
                call.error = error
        for call in calls:
            call.done = True
        self._changed.notify_all()


class RunHandle:
    """One run's place in the meeting (a runtime.core.batched_runs.Together)."""

    def __init__(self, meeting: RunBatcher, number: int) -> None:
        self._meeting, self._number = meeting, number

    def compute(self, work: Work, request: Request, function: Callable[[Sequence[Request]], Sequence[Reply]]) -> Reply:
        """See runtime.core.batched_runs.Together. Raises KeyboardInterrupt once the meeting is interrupted."""
        call = _Call(work, request, function)
        self._meeting.compute(self._number, call)
        if call.error is not None:
            raise call.error.with_traceback(None)
        reply: Reply = call.reply
        return reply

    def leave(self) -> None:
        """Take part no more."""
        self._meeting.leave(self._number)
