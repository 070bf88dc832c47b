"""Batching of the runs of one program, one thread each: equal work is computed once for all.

1. A run that requests work waits (`RunHandle.compute`).
2. Once all runs wait, the thread of the last one computes all requests for one kind of work, the first kind first.
3. Their runs continue; the other runs wait until all runs wait again.

Results do not depend on the threads' speed: a batch is formed only when no run is active.
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
    """A barrier for a fixed number of runs: work is computed when each run waits or has left."""

    def __init__(self, runs: int) -> None:
        self._changed = threading.Condition()
        self._present = set(range(runs))
        self._calls: dict[int, _Call] = {}  # of the waiting runs, by number
        self._interrupted = False

    def seat(self, number: int) -> RunHandle:
        """Return a run's handle. number: 0, 1, ...; a batch has its requests in this order."""
        return RunHandle(self, number)

    def compute(self, number: int, call: _Call) -> None:
        """Wait until a call has been computed.

        Raises KeyboardInterrupt after `interrupt`.
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
        """Remove this run; the other runs continue without it."""
        with self._changed:
            self._present.discard(number)
            self._go_on()

    def interrupt(self) -> None:
        """End every run at its next call, as Ctrl-C does."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def _go_on(self) -> None:
        """Compute one batch if all runs wait; then holding the lock delays no other run."""
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
    """One run's handle of a RunBatcher (a runtime.core.batched_runs.BatchedRuns)."""

    def __init__(self, batcher: RunBatcher, number: int) -> None:
        self._batcher, self._number = batcher, number

    def compute(self, work: Work, request: Request, function: Callable[[Sequence[Request]], Sequence[Reply]]) -> Reply:
        """See runtime.core.batched_runs.BatchedRuns.

        Raises KeyboardInterrupt after `RunBatcher.interrupt`.
        """
        call = _Call(work, request, function)
        self._batcher.compute(self._number, call)
        if call.error is not None:
            raise call.error.with_traceback(None)
        reply: Reply = call.reply
        return reply

    def leave(self) -> None:
        """Remove this run from the batcher."""
        self._batcher.leave(self._number)
