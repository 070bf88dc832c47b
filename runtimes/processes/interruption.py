"""Ending as upon Ctrl-C when somebody else says so."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[None]:
    """End upon SIGTERM and SIGHUP as upon Ctrl-C (KeyboardInterrupt): what runs is ended, and how to go on is said.

    A signal that the program was told to ignore, as nohup does with SIGHUP, stays ignored. Main thread only.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    heard = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
