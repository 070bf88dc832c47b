"""Ending as upon Ctrl-C when somebody else says so."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ONE_REQUEST_S = 5.0
"""Signals within so many seconds are one request: a terminal that is closed sends SIGHUP twice, and systemd both."""


@contextmanager
def interruptible() -> Iterator[None]:
    """End upon SIGTERM and SIGHUP as upon Ctrl-C (KeyboardInterrupt): what runs is ended, and how to go on is said.

    A signal that the program was told to ignore, as nohup does with SIGHUP, stays ignored. What is done to end is not
    interrupted by another signal right after the first, but for a second Ctrl-C. Main thread only.
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
