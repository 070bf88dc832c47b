"""Termination signals, handled like Ctrl-C."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ONE_REQUEST_S = 5.0
"""Signals within this many seconds are one request: a closed terminal sends SIGHUP twice, systemd sends both."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP, as on Ctrl-C.

    The program then ends its processes and prints how to resume. A signal that was ignored before, as nohup ignores
    SIGHUP, stays ignored. Another signal right after the first does not interrupt the cleanup, except a second
    Ctrl-C. Main thread only.
    """
    asked = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        before, asked = asked, time.monotonic()
        if number == signal.SIGINT or asked - before > ONE_REQUEST_S:
            raise KeyboardInterrupt

    heard = [
        one for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT) if signal.getsignal(one) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
