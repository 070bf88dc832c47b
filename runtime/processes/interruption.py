"""Termination signals, handled like Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ONE_REQUEST_S = 5.0
"""Signals within this many seconds are one request: a closed terminal sends SIGHUP twice, systemd sends both."""

_requested = threading.Event()


def require_uninterrupted() -> None:
    """Raise KeyboardInterrupt when a signal has come; loops that wait for long call it.

    The exception that the signal's handler raises may be lost: in a destructor, in a callback, or in a library that
    catches everything.
    """
    if _requested.is_set():
        _requested.clear()
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP, as on Ctrl-C.

    The program then ends its processes and prints how to resume. A signal that was ignored before, as nohup ignores
    SIGHUP, stays ignored. Another signal right after the first does not interrupt the cleanup, except a second
    Ctrl-C. Main thread only.
    """
    asked = -math.inf
    _requested.clear()

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        before, asked = asked, time.monotonic()
        if number == signal.SIGINT or asked - before > ONE_REQUEST_S:
            _requested.set()
            raise KeyboardInterrupt

    heard = [
        one for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT) if signal.getsignal(one) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        _requested.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
